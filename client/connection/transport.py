"""Opening a WebSocket, and translation of the library's exceptions."""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)

from client.errors import ConnectionLostError, HandshakeRefusedError, UnreachableError
from client.urls import is_local
from shared.utils.validators import MAX_MESSAGE_BYTES, validate_client_id

_OPEN_TIMEOUT_SECONDS = 15.0
_CLOSE_TIMEOUT_SECONDS = 3.0
# Pings detect a dead network within twice this time, which leaves most of a speaker's grace period
# for reconnecting.
_PING_SECONDS = 10.0

# 1.5 s of the default audio. The kernel doubles it for its own bookkeeping.
_RECEIVE_BYTES = 65_536

# At debug level the library logs handshakes and frames, which contain tokens and audio.
_wire_log = logging.getLogger("lingocast.client.wire")
_wire_log.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class SessionTicket:
    """The ticket of a session's own interpreter."""

    session_id: str
    text: str = field(repr=False)


async def open_socket(
    url: str, token: str | None, client_id: str | None, ticket: SessionTicket | None = None
) -> ClientConnection:
    """Open a socket as the token's user, the ticket's interpreter, or an anonymous client.

    Raises UnreachableError or HandshakeRefusedError, and ValidationError for an invalid client id.
    """
    identity = _identity(token, client_id, ticket)
    shown = url.partition("?")[0]  # the query may contain a token
    try:
        opened = await connect(
            _with_query(url, identity),
            compression=None,  # API Gateway does not support it, and speech would not shrink
            open_timeout=_OPEN_TIMEOUT_SECONDS,
            close_timeout=_CLOSE_TIMEOUT_SECONDS,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_SECONDS,
            max_size=MAX_MESSAGE_BYTES,
            proxy=None if is_local(url) else True,
            logger=_wire_log,
        )
        _limit_receive_buffer(opened)
        return opened
    except InvalidStatus as refused:
        raise HandshakeRefusedError(refused.response.status_code) from None
    except (InvalidURI, ValueError):
        raise UnreachableError(f"{shown} is not a WebSocket address (ws://… or wss://…)") from None
    except (InvalidMessage, InvalidHandshake):
        raise UnreachableError(f"the server at {shown} is not a WebSocket server") from None
    except TimeoutError:
        raise UnreachableError(f"nothing answers at {shown}") from None
    except OSError as fault:
        raise UnreachableError(f"{shown} cannot be reached: {_reason(fault)}") from None


def _limit_receive_buffer(opened: ClientConnection) -> None:
    """Shrink the kernel's receive buffer: audio waiting there is no longer live."""
    connected = opened.transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)


def _reason(fault: OSError) -> str:
    if isinstance(fault, ConnectionRefusedError) or "Connect call failed" in str(fault):
        return "nothing listens there"
    return fault.strerror or str(fault)


def _identity(
    token: str | None, client_id: str | None, ticket: SessionTicket | None
) -> dict[str, str]:
    """Return the query parameters that identify the client; a user needs no client id."""
    if token:
        return {"token": token}
    if ticket is not None:
        return {"session": ticket.session_id, "ticket": ticket.text}
    return {"clientId": validate_client_id(client_id)} if client_id is not None else {}


def _with_query(url: str, identity: dict[str, str]) -> str:
    parts = urlsplit(url)
    if not identity or ("token" not in identity and "token" in dict(parse_qsl(parts.query))):
        return url
    replaced = {"token", "clientId", "session", "ticket"}
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in replaced]
    return urlunsplit(parts._replace(query=urlencode([*query, *identity.items()])))


def to_connection_lost(closed: ConnectionClosed) -> ConnectionLostError:
    """Convert the library's exception, including the close code and reason."""
    frame = closed.rcvd or closed.sent
    if frame is None:
        return ConnectionLostError("the connection broke off")
    reason = f" ({frame.reason})" if frame.reason else ""
    text = f"the server closed the connection, code {frame.code}{reason}"
    return ConnectionLostError(text, closed.rcvd.code if closed.rcvd else None)
