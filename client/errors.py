"""What can go wrong for a client, as exceptions.

ClientError
├── UnreachableError          no WebSocket server answers at the address
├── HandshakeRefusedError     a server answers, but refuses the connection (403: the token)
├── ConnectionLostError       the connection ended while it was in use
│   ├── DisplacedError        another connection of the same person has the floor now
│   ├── DeviceReplacedError   another connection is this device now
│   ├── FellBehindError       sound came ever later, and a new connection is better
│   └── ReconnectTimeoutError           it was lost, and could not be opened again in time
├── UnavailableError                 the connection is lost at the moment, and may come back
│   ├── StalledError          the network holds back what was sent
│   └── OffAirError           another interpreter is the voice of the language at the moment
├── RequestTimeoutError       no reply came in time
├── RequestRefusedError       the service answered a request with an error
├── UnknownDeviceError        the user has no device of that name, or several
├── DeviceFileError           a file that should say which device this is says something else
├── TokenError                no token could be had
│   ├── RenewalError          a command or a refresh token gave none
│   └── UnknownUserError      nothing tells whom to fetch one for
├── MachineError              a machine cannot interpret here, or not this session
└── SoundError                a sound file cannot be read or written
"""

from __future__ import annotations

from shared.protocol.messages import ErrorMessage

GATEWAY_FAULT = "GATEWAY_FAULT"


class ClientError(Exception):
    """Base of everything that this package raises on purpose."""


class UnreachableError(ClientError):
    """There is no WebSocket server at the address, or the network does not lead to it."""


class HandshakeRefusedError(ClientError):
    """The server refused the WebSocket handshake with HTTP `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server refused the connection with HTTP status {status}")
        self.status = status


class ConnectionLostError(ClientError):
    """The connection ended without our doing; `code` is the WebSocket's, if the server gave one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class DisplacedError(ConnectionLostError):
    """The owner of the session took the floor on another connection. Coming back would take it
    away from there again.
    """

    def __init__(self) -> None:
        super().__init__("another connection of yours has taken the floor")


class DeviceReplacedError(ConnectionLostError):
    """A newer connection registered as the same device. Coming back would replace that one."""

    def __init__(self) -> None:
        super().__init__("another program is this device now")


class FellBehindError(ConnectionLostError):
    """What arrived was too old to be live, because the network is slower than the sound."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the network is too slow: sound came {seconds:.1f} s late")
        self.seconds = seconds


class ReconnectTimeoutError(ConnectionLostError):
    """The connection was lost, and `last` is why it could not be had again in time."""

    def __init__(self, seconds: float, last: ClientError) -> None:
        super().__init__(
            f"the connection was lost and could not be had again within {seconds:g} s ({last})"
        )
        self.last = last


class UnavailableError(ClientError):
    """Nothing can be sent at the moment, because the connection is lost."""

    def __init__(self, message: str = "the connection is lost at the moment") -> None:
        super().__init__(message)


class StalledError(UnavailableError):
    """The network holds back what was sent: more would arrive late, and all at once."""

    def __init__(self) -> None:
        super().__init__("the network holds back what was sent")


class OffAirError(UnavailableError):
    """Nothing can be sent at the moment, because somebody else is the voice of the language."""

    def __init__(self) -> None:
        super().__init__("another interpreter is the voice at the moment")


class RequestTimeoutError(ClientError):
    """A request got no reply in time; whether it took effect is unknown."""


class RequestRefusedError(ClientError):
    """The service refused a request.

    `code` is of the catalogue in `shared.models.errors`, or GATEWAY_FAULT when the gateway in
    front of the service failed; `retryable` says whether the same request may work later.
    """

    def __init__(
        self, code: str, status: int, message: str, *, retryable: bool, action: str | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.retryable = retryable
        self.action = action

    @classmethod
    def from_message(cls, error: ErrorMessage) -> RequestRefusedError:
        """The exception for an `error` message of the server."""
        return cls(
            error.code, error.status, error.message, retryable=error.retryable, action=error.action
        )

    def as_retryable(self) -> RequestRefusedError:
        """The same refusal where its cause is being removed, so that it may pass."""
        return RequestRefusedError(
            self.code, self.status, self.message, retryable=True, action=self.action
        )

    @classmethod
    def from_gateway(cls, message: str) -> RequestRefusedError:
        """The exception for an object that the gateway sent by itself, which has no `type`."""
        return cls(GATEWAY_FAULT, 500, message, retryable=True)


class UnknownDeviceError(ClientError):
    """What a person called a device is the name of none, or of several."""


class DeviceFileError(ClientError):
    """A file is there, but no device's: it is left as it is."""


class TokenError(ClientError):
    """No token could be had; `status` is the HTTP status of the service that refused it."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UnknownUserError(TokenError):
    """This process's user has no name here."""

    def __init__(self) -> None:
        super().__init__("your login name is not known here; name one with --user")


class RenewalError(TokenError):
    """A command or a refresh token gave no token; the message says what to do."""


class MachineError(ClientError):
    """A machine cannot interpret; the message says what is missing."""


class SoundError(ClientError):
    """A sound file is missing, no sound, or of a kind that cannot be read."""
