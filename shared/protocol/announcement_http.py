"""Bodies of the HTTP API for announcements to everybody."""

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
    """An announcement to everybody connected: 1 to 280 characters.

    A repeated `idempotency_key` within a day announces nothing new.
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
    """The announcement as sent; `sent_to_users` counts connections reached."""

    status: Literal["success"] = "success"
    id: _Id
    message: _Text
    character_count: int
    max_characters: int
    sent_to_users: int


class BroadcastCleared(msgspec.Struct, frozen=True, kw_only=True):
    """`cleared_for_users` counts the connections notified; 0 if nothing was announced."""

    status: Literal["success"] = "success"
    message: str
    cleared_for_users: int


class AcknowledgeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The announcement that the user has seen."""

    broadcast_id: _Id


class BroadcastAcknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The announcement is not shown to the user again."""

    status: Literal["success"] = "success"
    broadcast_id: _Id


class ActiveBroadcast(msgspec.Struct, frozen=True, kw_only=True):
    """The current announcement, untranslated."""

    id: _Id
    message: _Text
    type: MessageType


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """The current announcement; null if there is none or the user has acknowledged it."""

    broadcast: ActiveBroadcast | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Length limits of a text, and the number of current announcements."""

    max_characters: int
    recommended_length: int
    current_active_broadcasts: int


class CoveredBroadcast(msgspec.Struct, frozen=True, kw_only=True):
    """The current announcement and its coverage.

    `delivered` counts connections and `acknowledged` readers; `languages` has both by language.
    """

    id: _Id
    message: _Text
    type: MessageType
    delivered: int
    acknowledged: int
    languages: dict[str, LanguageCoverage]


class BroadcastStats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the whole stage. Days are UTC.

    Each connection without a token counts as one user.
    """

    broadcasts_today: int
    active_broadcast: CoveredBroadcast | None
    connected_users: int
    max_characters: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of announcements."""

    status: Literal["success"] = "success"
    stats: BroadcastStats
