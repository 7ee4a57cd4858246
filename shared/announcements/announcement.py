"""An announcement as the service keeps it, and who reads it in which language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.models.connection import UNKNOWN_LANGUAGE, Seat
from shared.protocol.announcement_messages import MessageType, Scope


@dataclass(frozen=True, slots=True)
class AnnouncementRecord:
    """The last announcement of a scope: a session's, or without one that of everybody connected.

    `created_at` (ms) rises from one of a scope to the next. `told` says that everybody who was
    there has been told what it is now: active, or cleared.
    """

    announcement_id: str
    session_id: str | None
    message: str
    message_type: MessageType
    created_at: int
    translations: Mapping[str, str] = field(default_factory=dict)
    cleared: bool = False
    told: bool = False

    @property
    def scope(self) -> Scope:
        """As clients name it."""
        return "all" if self.session_id is None else "session"

    def text_in(self, language: str) -> tuple[str, str | None]:
        """The text for readers of `language`, and which language it is in: None for the
        announcer's own.
        """
        if language in self.translations:
            return self.translations[language], language
        return self.message, None


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient. `key` is `Caller.recipient_key`; `seat` is the one in the session, if any.
    `has_floor`: the session's speaker, not away.
    """

    connection_id: str
    key: str
    session_id: str | None = None
    seat: Seat | None = None
    source_language: str | None = None
    has_floor: bool = False

    def language(self, session_id: str | None) -> str:
        """The language in which they read what is announced in that session, or to everybody."""
        return language_of(self.seat, None if session_id is None else self.source_language)


def language_of(seat: Seat | None, source_language: str | None) -> str:
    """What somebody reads: who listens or interprets, that language; a speaker the session's own,
    where it is known.
    """
    if seat is None:
        return UNKNOWN_LANGUAGE
    if seat.role == "speaker":
        return source_language or UNKNOWN_LANGUAGE
    return seat.language
