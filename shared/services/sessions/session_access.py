"""Who may know of a session: of one by link only those who have its secret, or a right to it.

Everybody else is answered as if it did not exist, so that trying ids out finds none.
"""

from __future__ import annotations

from shared.models.connection import Caller
from shared.models.session import Session
from shared.utils import hashed_secret


def visible(
    session: Session | None, caller: Caller, secret: str | None, ticket: str | None
) -> Session | None:
    """The session; None if there is none, or none that the caller may know of.

    Its owner and the interpreters that it lists need no secret, nor does its own machine. The group
    `interpreters` is no right to a session by link.
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
