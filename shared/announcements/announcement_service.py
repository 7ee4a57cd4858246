"""Who may announce on the WebSocket API: operators to everybody, speakers to their session."""

from __future__ import annotations

from shared.announcements.announcement import Recipient
from shared.announcements.publisher import AnnouncementPublisher, Author
from shared.announcements.validators import validate_announcement
from shared.announcements.views import announcement, announcement_cleared
from shared.models.connection import UNKNOWN_LANGUAGE, Caller
from shared.models.request_errors import require_group, require_user
from shared.protocol.announcement_messages import (
    Announce,
    Announcement,
    AnnouncementCleared,
    ClearAnnouncement,
    Scope,
)
from shared.services.sessions.seat_lookup import SeatLookup

ANNOUNCERS = "operators"


def may_announce(caller: Caller, reader: Recipient, session_id: str | None) -> bool:
    """Whether the caller, who sits as `reader` says, may announce in that session, or to all."""
    if caller.user_id is None:
        return False
    if session_id is None:
        return ANNOUNCERS in caller.groups
    return reader.has_floor and reader.session_id == session_id


class AnnouncementService:
    """Answers announce and clearAnnouncement. Both raise AUTHENTICATION_REQUIRED, FORBIDDEN,
    CONNECTION_NOT_FOUND and, for the scope `session`, NOT_IN_SESSION, SESSION_NOT_FOUND,
    SESSION_ENDED.
    """

    def __init__(self, board: AnnouncementPublisher, seat_lookup: SeatLookup) -> None:
        self._board = board
        self._seat_lookup = seat_lookup

    def announce(self, caller: Caller, request: Announce) -> Announcement:
        """Tell everybody in the scope, and the caller by the reply, with how far it got. Raises
        INVALID_ANNOUNCEMENT and INVALID_LANGUAGE too.
        """
        text = validate_announcement(request.message, request.message_type, request.translations)
        user_id = require_user(caller, "announce")
        session_id = self._session_of(caller, request.scope, "announce")
        author = Author(user_id, caller.connection_id, request.idempotency_key)
        announced, coverage = self._board.announce(session_id, text, author)
        return announcement(announced, UNKNOWN_LANGUAGE, coverage)

    def clear_announcement(self, caller: Caller, request: ClearAnnouncement) -> AnnouncementCleared:
        """Take the scope's announcement back; without an id there was none."""
        session_id = self._session_of(caller, request.scope, "clearAnnouncement")
        cleared, _ = self._board.clear(session_id, caller.connection_id)
        if cleared is not None:
            return announcement_cleared(cleared)
        return AnnouncementCleared(announcement_id=None, scope=request.scope, session_id=session_id)

    def _session_of(self, caller: Caller, scope: Scope, action: str) -> str | None:
        """The session that the caller may announce to; None is everybody."""
        if scope == "all":
            require_group(caller, ANNOUNCERS, action)
            self._seat_lookup.membership(caller)
            return None
        require_user(caller, action)
        return self._seat_lookup.require_floor(caller, action).session_id
