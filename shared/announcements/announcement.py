"""An announcement as stored, and its recipients with their languages."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from shared.models.connection import UNKNOWN_LANGUAGE, Seat
from shared.protocol.announcement_messages import MessageType, Scope


class AnnouncementRecord(msgspec.Struct, frozen=True):
    """The latest announcement of a scope.

    Without `session_id` the scope is everyone connected. `created_at` (ms) increases from one
    announcement of a scope to the next. `sent` means that the fan-out of its current state, active
    or cleared, has completed.
    """

    announcement_id: str
    session_id: str | None
    message: str
    message_type: MessageType
    created_at: int
    translations: Mapping[str, str] = msgspec.field(default_factory=dict)
    cleared: bool = False
    sent: bool = False

    @property
    def scope(self) -> Scope:
        """The scope's name in messages."""
        return "all" if self.session_id is None else "session"

    def text_in(self, language: str) -> tuple[str, str | None]:
        """Return the text for a language, and the language it is in.

        Without a translation that is the original text, and None.
        """
        if language in self.translations:
            return self.translations[language], language
        return self.message, None


class Recipient(msgspec.Struct, frozen=True):
    """A recipient of announcements.

    `key` is `Caller.recipient_key`; `seat` is the seat in the session, if any. `has_floor` is True
    for the session's connected speaker.
    """

    connection_id: str
    key: str
    session_id: str | None = None
    seat: Seat | None = None
    source_language: str | None = None
    has_floor: bool = False

    @property
    def scopes(self) -> list[str | None]:
        """The scopes whose announcements reach this recipient, as session ids; None is everyone."""
        return [None] if self.session_id is None else [None, self.session_id]

    def language(self, session_id: str | None) -> str:
        """Return the language for announcements to that session, or to everyone."""
        return language_of(self.seat, None if session_id is None else self.source_language)


def language_of(seat: Seat | None, source_language: str | None) -> str:
    """Return the language that the holder of a seat reads.

    Listeners and interpreters read the language of their seat, speakers the session's source
    language, if given.
    """
    if seat is None:
        return UNKNOWN_LANGUAGE
    if seat.role == "speaker":
        return source_language or UNKNOWN_LANGUAGE
    return seat.language
