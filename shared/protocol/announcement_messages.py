"""The messages of announcements: short texts to everyone connected, or to everyone in a session."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.protocol.message_base import Reply, Request

Scope = Literal["all", "session"]
MessageType = Literal["info", "warning", "alert"]

MAX_ANNOUNCEMENT_ID_LENGTH = 64
MAX_IDEMPOTENCY_KEY_LENGTH = 128


class Announce(Request, frozen=True, kw_only=True):
    """Tell everybody something; `translations` gives the text in other languages."""

    scope: Scope
    message: str
    message_type: MessageType = "info"
    translations: dict[str, str] | None = None
    idempotency_key: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDEMPOTENCY_KEY_LENGTH)] | None
    ) = None


class ClearAnnouncement(Request, frozen=True, kw_only=True):
    """Take the scope's announcement back."""

    scope: Scope


class AcknowledgeAnnouncement(Request, frozen=True, kw_only=True):
    """The reader has seen it, and is not to be shown it again."""

    announcement_id: Annotated[str, msgspec.Meta(max_length=MAX_ANNOUNCEMENT_ID_LENGTH)]


class GetActiveAnnouncement(Request, frozen=True, kw_only=True):
    """What is announced now; without `scope`, the newest that the reader has not acknowledged."""

    scope: Scope | None = None


class LanguageCoverage(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How many of one language an announcement was delivered to, and how many acknowledged it."""

    delivered: int = 0
    acknowledged: int = 0


class Coverage(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How far an announcement got: connections that it was delivered to, readers who acknowledged
    it, both also by language.
    """

    delivered: int = 0
    acknowledged: int = 0
    languages: dict[str, LanguageCoverage] = {}


class Announcement(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Something is announced. `message` is in `language`, or in the announcer's own without one.
    Only who may announce gets `coverage`.
    """

    announcement_id: str
    scope: Scope
    message: str
    message_type: MessageType
    created_at: int
    session_id: str | None = None
    language: str | None = None
    coverage: Coverage | None = None


class ActiveAnnouncement(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """What was announced before the reader came or asked; without an id there is nothing."""

    announcement_id: str | None
    scope: Scope | None = None
    message: str | None = None
    message_type: MessageType | None = None
    created_at: int | None = None
    session_id: str | None = None
    language: str | None = None
    coverage: Coverage | None = None


class AnnouncementCleared(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """An announcement is not to be shown any more, nor any that was made in the scope before it;
    without an id there was none. `created_at` is the announcement's.
    """

    announcement_id: str | None
    scope: Scope
    session_id: str | None = None
    created_at: int | None = None


class AnnouncementAcknowledged(Reply, frozen=True, kw_only=True, omit_defaults=True):
    announcement_id: str
