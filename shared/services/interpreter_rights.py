"""Who may interpret a session."""

from __future__ import annotations

from shared.models.connection import Caller
from shared.models.session import Session
from shared.services.refusals import forbidden, require_user


def require_interpreter(caller: Caller, session: Session | None, action: str) -> None:
    """The session's list decides, or the group where there is none, or no session either.

    Raises AUTHENTICATION_REQUIRED without a token, FORBIDDEN for who may not.
    """
    require_user(caller, action)
    if session is not None and session.interpreters is not None:
        if caller.user_id not in session.interpreters:
            raise forbidden(f"{action} as interpreter", "the session's listed interpreters")
    elif "interpreters" not in caller.groups:
        raise forbidden(f"{action} as interpreter", "members of the group interpreters")
