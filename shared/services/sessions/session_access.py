"""Visibility of sessions by link.

Callers without the secret or another right get the same answer as for a missing session, so that
ids cannot be probed.
"""

from __future__ import annotations

from shared.models.connection import Caller
from shared.models.session import Session
from shared.utils import hashed_secret


def visible(
    session: Session | None, caller: Caller, secret: str | None, ticket: str | None
) -> Session | None:
    """Return the session, or None if it does not exist or is hidden from the caller.

    The owner, listed interpreters and the session's own machine (by ticket) need no secret. The
    group `interpreters` alone gives no access to a session by link.
    """
    if session is None or session.secret_hash is None:
        return session
    if (
        hashed_secret.matches(secret, session.secret_hash)
        or hashed_secret.matches(ticket, session.ticket_hash)
        or _is_named(caller, session)
    ):
        return session
    return None


def _is_named(caller: Caller, session: Session) -> bool:
    if caller.user_id is None or caller.token_expired:
        return False
    return caller.user_id == session.owner or caller.user_id in (session.interpreters or ())
