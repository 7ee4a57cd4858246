"""Errors that several services raise, and the checks that raise them."""

from __future__ import annotations

from shared.models.connection import Caller, Connection
from shared.models.errors import ErrorCode, LingocastError, NeverAllowedError, ValidationError
from shared.models.session import MAX_LANGUAGES, Session


def connection_not_found() -> LingocastError:
    """The connection is not registered: it timed out or was replaced."""
    return LingocastError(
        ErrorCode.CONNECTION_NOT_FOUND, "the connection is not registered; connect again"
    )


def require_registered(connection: Connection | None) -> Connection:
    """Require a known connection that was not replaced. Raises CONNECTION_NOT_FOUND.

    This refuses every request of a replaced connection, except the audio that it may still send:
    protocol, rule 13.
    """
    if connection is None or connection.replaced_at is not None:
        raise connection_not_found()
    return connection


def announcement_not_found(field: str) -> LingocastError:
    """The announcement does not exist for the caller, or is not active."""
    return ValidationError(
        ErrorCode.ANNOUNCEMENT_NOT_FOUND, field, "no such announcement is active"
    )


def not_in_session(action: str) -> LingocastError:
    """The request needs a session, but the connection has not joined one."""
    return LingocastError(ErrorCode.NOT_IN_SESSION, f"{action}: create or join a session first")


def already_in_session() -> LingocastError:
    """The connection is in an active session."""
    return LingocastError(
        ErrorCode.ALREADY_IN_SESSION, "the connection is in a session; leave or end that one first"
    )


def interpretation_full() -> LingocastError:
    """Every slot of machine interpretation is held by an active session."""
    return LingocastError(
        ErrorCode.INTERPRETATION_FULL,
        "interpretation: every machine is taken; try again when another session has ended, or "
        "leave it out",
    )


def session_not_found() -> LingocastError:
    """No session has this ID."""
    return LingocastError(
        ErrorCode.SESSION_NOT_FOUND,
        "sessionId: no such session; check the id, and the link if it came by one",
    )


def session_ended() -> LingocastError:
    """The session has ended."""
    return LingocastError(ErrorCode.SESSION_ENDED, "the session is over; join or create another")


def require_active(session: Session | None) -> Session:
    """Require an active session. Raises SESSION_NOT_FOUND or SESSION_ENDED."""
    if session is None:
        raise session_not_found()
    if not session.is_active:
        raise session_ended()
    return session


def forbidden(action: str, who: str) -> LingocastError:
    """The caller's role does not permit the request."""
    return LingocastError(ErrorCode.FORBIDDEN, f"{action}: only {who} may")


def require_source(caller: Caller, action: str, who: str) -> None:
    """Refuse a connection that can never be a source of audio, before any read.

    Raises FORBIDDEN, as for a listener.
    """
    if caller.listen_only:
        raise NeverAllowedError(
            ErrorCode.FORBIDDEN, f"{action}: only {who} may; connect with a token (?token=...)"
        )


def require_group(caller: Caller, group: str, action: str) -> str:
    """Require a caller in `group` and return the user ID.

    Raises AUTHENTICATION_REQUIRED without a token, FORBIDDEN without the group.
    """
    user_id = require_user(caller, action)
    if group not in caller.groups:
        raise forbidden(action, f"members of the group {group}")
    return user_id


def require_user(caller: Caller, action: str) -> str:
    """Require a token and return the user ID.

    Raises AUTHENTICATION_REQUIRED or TOKEN_EXPIRED.
    """
    if caller.token_expired:
        raise token_expired(action)
    if caller.user_id is None:
        raise NeverAllowedError(
            ErrorCode.AUTHENTICATION_REQUIRED, f"{action}: connect with a token (?token=...)"
        )
    return caller.user_id


def token_expired(action: str) -> LingocastError:
    """The caller's token has expired without renewal."""
    return LingocastError(
        ErrorCode.TOKEN_EXPIRED,
        f"{action}: the connection's token has expired; send authenticate with a new one, or"
        " connect again",
    )


def device_not_registered(action: str) -> LingocastError:
    """The connection is not registered as a device."""
    return LingocastError(
        ErrorCode.DEVICE_NOT_REGISTERED,
        f"{action}: the connection is not a device; register it first",
    )


def too_many_languages(session: Session) -> LingocastError:
    """The session's listeners use the maximum number of languages."""
    also = sorted(session.interpreted())
    others = f" or one that is interpreted ({', '.join(also)})" if also else ""
    return ValidationError(
        ErrorCode.INVALID_LANGUAGE,
        "targetLanguage",
        f"the session has {MAX_LANGUAGES} languages in use;"
        f" choose the speaker's ({session.source_language}){others}",
    )


def too_many_channels() -> LingocastError:
    """The session has the maximum number of interpreted languages."""
    return ValidationError(
        ErrorCode.INVALID_LANGUAGE,
        "targetLanguage",
        f"the session has {MAX_LANGUAGES} interpreted languages; choose one of them",
    )
