"""Right to interpret a session."""

from __future__ import annotations

from shared.models.connection import Caller
from shared.models.request_errors import forbidden, require_user
from shared.models.session import Session
from shared.utils import hashed_secret


def require_interpreter(
    caller: Caller, session: Session | None, action: str, ticket: str | None = None
) -> None:
    """Check that the caller may interpret the session.

    A ticket alone decides if given. Otherwise the session's list of interpreters decides, or the
    group `interpreters` if the session has no list or does not exist.

    Raises AUTHENTICATION_REQUIRED without token and ticket, else FORBIDDEN.
    """
    if ticket is not None:
        # For a missing session the caller gets SESSION_NOT_FOUND, whatever the ticket.
        if session is not None and not hashed_secret.matches(ticket, session.ticket_hash):
            raise forbidden(f"{action} with a ticket", "the session's own interpreter")
        return
    require_user(caller, action)
    if session is not None and session.interpreters is not None:
        if caller.user_id not in session.interpreters:
            raise forbidden(f"{action} as interpreter", "the session's listed interpreters")
    elif "interpreters" not in caller.groups:
        raise forbidden(f"{action} as interpreter", "members of the group interpreters")
