"""Requests of announcers: operators announce to everyone, speakers to their session."""

from __future__ import annotations

from shared.announcements.announcement import Recipient
from shared.announcements.publisher import AnnouncementPublisher, Author
from shared.announcements.validators import validate_announcement
from shared.announcements.views import announcement_cleared_message, announcement_message
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

#: Members of this group may announce to everyone.
ANNOUNCERS = "operators"


def may_announce(caller: Caller, recipient: Recipient, session_id: str | None) -> bool:
    """Whether the caller may announce in that session, or to everyone.

    `recipient` describes the caller's seat.
    """
    if caller.user_id is None:
        return False
    if session_id is None:
        return ANNOUNCERS in caller.groups
    return recipient.has_floor and recipient.session_id == session_id


class AnnouncementService:
    """Answers announce and clearAnnouncement.

    Both raise AUTHENTICATION_REQUIRED, FORBIDDEN, CONNECTION_NOT_FOUND and, for the scope
    `session`, NOT_IN_SESSION, SESSION_NOT_FOUND, SESSION_ENDED.
    """

    def __init__(self, publisher: AnnouncementPublisher, seat_lookup: SeatLookup) -> None:
        self._publisher = publisher
        self._seat_lookup = seat_lookup

    def announce(self, caller: Caller, request: Announce) -> Announcement:
        """Announce to the scope.

        The caller gets the announcement in the reply, with its coverage. Also raises
        INVALID_ANNOUNCEMENT and INVALID_LANGUAGE.
        """
        text = validate_announcement(request.message, request.message_type, request.translations)
        user_id = require_user(caller, "announce")
        session_id = self._require_right(caller, request.scope, "announce")
        author = Author(user_id, caller.connection_id, request.idempotency_key)
        announcement, coverage = self._publisher.announce(session_id, text, author)
        return announcement_message(announcement, UNKNOWN_LANGUAGE, coverage)

    def clear_announcement(self, caller: Caller, request: ClearAnnouncement) -> AnnouncementCleared:
        """Clear the scope's announcement. The reply has no id if none was active."""
        session_id = self._require_right(caller, request.scope, "clearAnnouncement")
        cleared, _ = self._publisher.clear(session_id, caller.connection_id)
        if cleared is not None:
            return announcement_cleared_message(cleared)
        return AnnouncementCleared(announcement_id=None, scope=request.scope, session_id=session_id)

    def _require_right(self, caller: Caller, scope: Scope, action: str) -> str | None:
        """Return the id of the session that the caller may announce to; None is everyone."""
        if scope == "all":
            require_group(caller, ANNOUNCERS, action)
            self._seat_lookup.membership(caller)
            return None
        require_user(caller, action)
        return self._seat_lookup.require_floor(caller, action).session_id
