"""Messages about announcements: short texts to everyone or to one session."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.protocol.message_base import Reply, Request

Scope = Literal["all", "session"]
MessageType = Literal["info", "warning", "alert"]

MAX_ANNOUNCEMENT_ID_LENGTH = 64
MAX_IDEMPOTENCY_KEY_LENGTH = 128


class Announce(Request, frozen=True, kw_only=True):
    """Announce a text to the scope; `translations` has it in other languages."""

    scope: Scope
    message: str
    message_type: MessageType = "info"
    translations: dict[str, str] | None = None
    idempotency_key: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDEMPOTENCY_KEY_LENGTH)] | None
    ) = None


class ClearAnnouncement(Request, frozen=True, kw_only=True):
    """Clear the scope's announcement."""

    scope: Scope


class AcknowledgeAnnouncement(Request, frozen=True, kw_only=True):
    """The reader has seen an announcement and does not want it shown again."""

    announcement_id: Annotated[str, msgspec.Meta(max_length=MAX_ANNOUNCEMENT_ID_LENGTH)]


class GetActiveAnnouncement(Request, frozen=True, kw_only=True):
    """Get the current announcement.

    Without `scope`, the newest one that the reader has not acknowledged.
    """

    scope: Scope | None = None


class LanguageCoverage(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Coverage of an announcement in one language."""

    delivered: int = 0
    acknowledged: int = 0


class Coverage(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Coverage of an announcement.

    `delivered` counts connections and `acknowledged` readers; `languages` has both by language.
    """

    delivered: int = 0
    acknowledged: int = 0
    languages: dict[str, LanguageCoverage] = {}


class Announcement(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """An announcement. Without `language`, `message` is untranslated.

    Only connections that may announce in this scope get `coverage`.
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
    """The current announcement, on joining or on request; without an id there is none."""

    announcement_id: str | None
    scope: Scope | None = None
    message: str | None = None
    message_type: MessageType | None = None
    created_at: int | None = None
    session_id: str | None = None
    language: str | None = None
    coverage: Coverage | None = None


class AnnouncementCleared(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Hide this announcement and all earlier ones of its scope.

    Without an id there was none. `created_at` is the announcement's.
    """

    announcement_id: str | None
    scope: Scope
    session_id: str | None = None
    created_at: int | None = None


class AnnouncementAcknowledged(Reply, frozen=True, kw_only=True, omit_defaults=True):
    announcement_id: str
