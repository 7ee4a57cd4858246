"""Answers authenticate: a new token extends the rights of an open connection."""

from __future__ import annotations

from msgspec.structs import replace

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.connection import Caller, Membership
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.request_errors import connection_not_found, require_group, require_registered
from shared.protocol.authentication_messages import Authenticate, Authenticated
from shared.services.sessions.interpreter_rights import require_interpreter
from shared.utils.clock import Clock
from shared.utils.identity import (
    ExpiredTokenError,
    Identity,
    InvalidTokenError,
    IssuerUnreachableError,
    Verify,
)


class Authentication:
    """Renews the rights of connections opened with a token."""

    def __init__(
        self,
        connections: ConnectionsRepository,
        sessions: SessionsRepository,
        verify: Verify,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._sessions = sessions
        self._verify = verify
        self._clock = clock

    def authenticate(self, caller: Caller, request: Authenticate) -> Authenticated:
        """Store the token's expiry and groups on the connection. Idempotent.

        Raises AUTHENTICATION_REQUIRED, TOKEN_EXPIRED, FORBIDDEN, CONNECTION_NOT_FOUND and
        UNAVAILABLE.
        """
        identity = self._identity(request.token)
        if caller.user_id is None:
            raise _forbidden("the connection was opened without a token; reconnect with this one")
        if identity.user_id != caller.user_id:
            raise _forbidden("the token belongs to another user; reconnect with it")
        connection = require_registered(self._connections.get(caller.connection_id))
        if connection.membership is not None:
            renewed = replace(caller, groups=identity.groups, token_expired=False)
            self._check_seat(renewed, connection.membership)
        renewed_row = self._connections.authenticate(
            caller.connection_id, identity.groups, identity.expires_at
        )
        if renewed_row is None:
            raise connection_not_found()
        known = (caller.token_expires_at, renewed_row.authenticated_until)
        return Authenticated(
            expires_at=max(filter(None, known), default=identity.expires_at),
            timestamp=self._clock.now_ms(),
        )

    def _identity(self, token: str) -> Identity:
        try:
            return self._verify(token)
        except ExpiredTokenError as error:
            raise ValidationError(
                ErrorCode.TOKEN_EXPIRED, "token", "already expired; get a new one"
            ) from error
        except InvalidTokenError as error:
            raise ValidationError(
                ErrorCode.AUTHENTICATION_REQUIRED,
                "token",
                "not an access token of this service's users; get a new one",
            ) from error
        except IssuerUnreachableError as error:
            raise LingocastError(
                ErrorCode.UNAVAILABLE, "the token cannot be verified at the moment; try again"
            ) from error

    def _check_seat(self, caller: Caller, membership: Membership) -> None:
        """Check that the token's groups allow the seat. Raises FORBIDDEN."""
        if membership.seat.role == "speaker":
            require_group(caller, "speakers", "authenticate")
        elif membership.seat.role == "interpreter":
            session = self._sessions.get(membership.session_id)
            if session is not None and session.is_active:
                require_interpreter(caller, session, "authenticate")


def _forbidden(reason: str) -> LingocastError:
    return LingocastError(ErrorCode.FORBIDDEN, f"authenticate: {reason}")
