"""Announcements to everybody, as tools and scripts post and read them: the HTTP API's bodies."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.protocol.announcement_messages import (
    MAX_ANNOUNCEMENT_ID_LENGTH,
    MAX_IDEMPOTENCY_KEY_LENGTH,
    LanguageCoverage,
    MessageType,
)

_Id = Annotated[
    str,
    msgspec.Meta(
        max_length=MAX_ANNOUNCEMENT_ID_LENGTH,
        examples=["hh0tlFrJB27FoZlH-i_Z-djWPPmgEye_P8Yn90Rwi7I"],
    ),
]
_Text = Annotated[str, msgspec.Meta(examples=["We go on in five minutes"])]


class BroadcastRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to tell everybody connected: 1 to 280 characters, and the same in other languages. The
    same `idempotency_key` within a day announces nothing more.
    """

    message: _Text
    type: MessageType = "info"
    translations: (
        Annotated[dict[str, str], msgspec.Meta(examples=[{"es": "Seguimos en cinco minutos"}])]
        | None
    ) = None
    idempotency_key: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDEMPOTENCY_KEY_LENGTH)] | None
    ) = None


class BroadcastSent(msgspec.Struct, frozen=True, kw_only=True):
    """What was announced; `sent_to_users` counts connections that it was delivered to."""

    status: Literal["success"] = "success"
    id: _Id
    message: _Text
    character_count: int
    max_characters: int
    sent_to_users: int


class BroadcastCleared(msgspec.Struct, frozen=True, kw_only=True):
    """`cleared_for_users` counts connections that were told; 0 also if there was none."""

    status: Literal["success"] = "success"
    message: str
    cleared_for_users: int


class AcknowledgeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has seen."""

    broadcast_id: _Id


class BroadcastAcknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """It is not shown to the user again."""

    status: Literal["success"] = "success"
    broadcast_id: _Id


class ActiveBroadcast(msgspec.Struct, frozen=True, kw_only=True):
    """What is announced now, in the announcer's own words."""

    id: _Id
    message: _Text
    type: MessageType


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """`broadcast` is null if there is none that the user has not acknowledged."""

    broadcast: ActiveBroadcast | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long texts may be and should be, and how many are announced to everybody now."""

    max_characters: int
    recommended_length: int
    current_active_broadcasts: int


class CoveredBroadcast(msgspec.Struct, frozen=True, kw_only=True):
    """What is announced now, and how far it got: connections that it was delivered to, and readers
    who acknowledged it, both also by language.
    """

    id: _Id
    message: _Text
    type: MessageType
    delivered: int
    acknowledged: int
    languages: dict[str, LanguageCoverage]


class BroadcastStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counted over everything that runs. The day is that of UTC; who has no token is a user of
    their own on each connection.
    """

    broadcasts_today: int
    active_broadcast: CoveredBroadcast | None
    connected_users: int
    max_characters: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """The figures."""

    status: Literal["success"] = "success"
    stats: BroadcastStats
