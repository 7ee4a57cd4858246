"""Exceptions of the client.

ClientError
├── UnreachableError          no WebSocket server answers at the address
├── HandshakeRefusedError     the server refuses the handshake (403: the token)
├── ConnectionLostError       the connection ended while in use
│   ├── DisplacedError        another connection of the same user took the floor
│   ├── DeviceReplacedError   another connection registered as the same device
│   ├── FellBehindError       audio arrives too late; a new connection is needed
│   └── ReconnectTimeoutError the lost connection could not be reopened in time
├── UnavailableError          the connection is down and may come back
│   ├── StalledError          the network does not deliver what was sent
│   └── OffAirError           another interpreter holds the language's channel
├── RequestTimeoutError       no reply arrived in time
├── RequestRefusedError       the service replied with an error
├── UnknownDeviceError        the device name matches no device, or several
├── DeviceFileError           the device file has unexpected content
├── TokenError                no token is available
│   ├── RenewalError          the token command or refresh token yields no token
│   └── UnknownUserError      the user name is unknown
├── MachineError              a machine cannot interpret here, or not in this session
└── SoundError                a sound file cannot be read or written
"""

from __future__ import annotations

from shared.protocol.messages import ErrorMessage

GATEWAY_FAULT = "GATEWAY_FAULT"


class ClientError(Exception):
    """Base class of all exceptions that the client raises deliberately."""


class UnreachableError(ClientError):
    """No WebSocket server answers at the address, or the network is down."""


class HandshakeRefusedError(ClientError):
    """The server refused the WebSocket handshake with HTTP `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server refused the connection with HTTP status {status}")
        self.status = status


class ConnectionLostError(ClientError):
    """The connection ended unexpectedly; `code` is the server's close code, if it sent one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class DisplacedError(ConnectionLostError):
    """The session's owner took the floor on another connection.

    Reconnecting would take the floor away from that connection.
    """

    def __init__(self) -> None:
        super().__init__("another connection of yours has taken the floor")


class DeviceReplacedError(ConnectionLostError):
    """A newer connection registered as the same device; reconnecting would replace it."""

    def __init__(self) -> None:
        super().__init__("another program is this device now")


class FellBehindError(ConnectionLostError):
    """Received audio was too old to be live: the network is slower than the audio."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the network is too slow: sound came {seconds:.1f} s late")
        self.seconds = seconds


class ReconnectTimeoutError(ConnectionLostError):
    """A lost connection could not be reopened in time; `last` is the last attempt's error."""

    def __init__(self, seconds: float, last: ClientError) -> None:
        super().__init__(
            f"the connection was lost and could not be reopened within {seconds:g} s ({last})"
        )
        self.last = last


class UnavailableError(ClientError):
    """Nothing can be sent for now, because the connection is down."""

    def __init__(self, message: str = "the connection is down for now") -> None:
        super().__init__(message)


class StalledError(UnavailableError):
    """The network does not deliver what was sent; more would arrive late, in one burst."""

    def __init__(self) -> None:
        super().__init__("the network does not deliver what was sent")


class OffAirError(UnavailableError):
    """Nothing can be sent for now, because another interpreter holds the channel."""

    def __init__(self) -> None:
        super().__init__("another interpreter holds the language's channel for now")


class RequestTimeoutError(ClientError):
    """No reply arrived in time; whether the request took effect is unknown."""


class RequestRefusedError(ClientError):
    """The service refused a request.

    `code` comes from the catalogue in `shared.models.errors`, or is GATEWAY_FAULT when the gateway
    in front of the service failed. `retryable` says whether the same request may succeed later, and
    `retry_after_ms` when the service asks to repeat it.
    """

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        retryable: bool,
        retry_after_ms: int | None = None,
        action: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.action = action

    @classmethod
    def from_message(cls, error: ErrorMessage) -> RequestRefusedError:
        """Build the exception for an `error` message of the server."""
        return cls(
            error.code,
            error.status,
            error.message,
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
            action=error.action,
        )

    def as_retryable(self) -> RequestRefusedError:
        """Return a retryable copy, for a refusal whose cause is being fixed."""
        return RequestRefusedError(
            self.code, self.status, self.message, retryable=True, action=self.action
        )

    @classmethod
    def from_gateway(cls, message: str) -> RequestRefusedError:
        """Build the exception for the gateway's own error object, which has no `type`."""
        return cls(GATEWAY_FAULT, 500, message, retryable=True)


class UnknownDeviceError(ClientError):
    """A device name matches no device, or several."""


class DeviceFileError(ClientError):
    """The device file exists but holds something else; it is left unchanged."""


class TokenError(ClientError):
    """No token is available; `status` is the token service's HTTP status, if it refused."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UnknownUserError(TokenError):
    """The login name of this process's user is unknown."""

    def __init__(self) -> None:
        super().__init__("your login name is not known here; name one with --user")


class RenewalError(TokenError):
    """The token command or refresh token yields no token; the message says what to do."""


class MachineError(ClientError):
    """The machine cannot interpret; the message says what is missing."""


class SoundError(ClientError):
    """A sound file is missing, is not sound, or has an unsupported format."""
