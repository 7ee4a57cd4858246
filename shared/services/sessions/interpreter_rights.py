"""Who may interpret a session."""

from __future__ import annotations

from shared.models.connection import Caller
from shared.models.request_errors import forbidden, require_user
from shared.models.session import Session
from shared.utils import hashed_secret


def require_interpreter(
    caller: Caller, session: Session | None, action: str, ticket: str | None = None
) -> None:
    """The ticket decides where there is one, then the session's list, or the group where there is
    no list, or no session either.

    Raises AUTHENTICATION_REQUIRED without a token and a ticket, FORBIDDEN for who may not.
    """
    if ticket is not None:
        # Of a session that there is not, the caller learns that, and nothing of the ticket.
        if session is not None and not hashed_secret.matches(ticket, session.ticket_hash):
            raise forbidden(f"{action} with a ticket", "the session's own interpreter")
        return
    require_user(caller, action)
    if session is not None and session.interpreters is not None:
        if caller.user_id not in session.interpreters:
            raise forbidden(f"{action} as interpreter", "the session's listed interpreters")
    elif "interpreters" not in caller.groups:
        raise forbidden(f"{action} as interpreter", "members of the group interpreters")
