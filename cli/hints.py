"""Hints: what a user can do about an error, in one line."""

from __future__ import annotations

from client.errors import (
    ClientError,
    ConnectionLostError,
    DeviceFileError,
    DeviceReplacedError,
    DisplacedError,
    HandshakeRefusedError,
    ReconnectTimeoutError,
    RequestRefusedError,
    RequestTimeoutError,
    TokenError,
    UnreachableError,
)
from shared.models.errors import ErrorCode

_GET_TOKEN = "pass --token; a local server also issues tokens (--token-url)"
_BY_CODE = {
    ErrorCode.AUTHENTICATION_REQUIRED: _GET_TOKEN,
    ErrorCode.TOKEN_EXPIRED: (
        "start again with a new token; --token-command or --token-file renews it in time"
    ),
    ErrorCode.FORBIDDEN: "use a token with the right group (speakers, interpreters or operators)",
    ErrorCode.SESSION_NOT_FOUND: (
        "copy the session ID that `speak` prints; for a session by link, the whole code in quotes"
    ),
    ErrorCode.INVALID_SESSION_ID: "copy the session ID that `speak` prints",
    ErrorCode.SESSION_ENDED: "the speaker can open a new session with `speak`; use its ID",
    ErrorCode.LANGUAGE_TAKEN: (
        "--standby waits until that interpreter stops, --take-over replaces it now"
    ),
    ErrorCode.NO_STANDBY: "leave instead; listeners then hear the floor",
    ErrorCode.SESSION_FULL: "try again when someone has left",
    ErrorCode.INTERPRETATION_FULL: (
        "try again when another session has ended, or speak without --interpret"
    ),
    ErrorCode.CLOCK_SKEW: "synchronize this machine's clock, for example with NTP",
    ErrorCode.INVALID_DEVICE: "use at most 64 characters for --name and 32 for --kind",
    ErrorCode.DEVICE_NOT_FOUND: "`python -m cli devices` lists your devices",
    ErrorCode.DEVICE_OFFLINE: "start `python -m cli devices` there, then try again",
}
_TRY_AGAIN = "try again; a service that has just started is slow at first"
_BY_KIND: dict[type[ClientError], str] = {
    UnreachableError: "check that the server is running (`make run`) and that --url is right",
    TokenError: "check that the local server is running and that --token-url is the URL it printed",
    DeviceFileError: "pass another file with --device-file; it is created if it does not exist",
    DeviceReplacedError: "continue there, or run as another device: --device-file other.json",
    DisplacedError: "continue there, or stop that program first",
    ReconnectTimeoutError: "check the network and the server, then start again",
    ConnectionLostError: "check the network and the server, then start again",
    RequestTimeoutError: _TRY_AGAIN,
}


def hint_for(error: ClientError) -> str | None:
    """Hint for an error, or None if its message says enough or no hint is known."""
    match error:
        case HandshakeRefusedError(status=403):
            return "the token is wrong or expired, or --url does not end in a stage such as /dev"
        case RequestRefusedError(code=code) if code in _BY_CODE:
            return _BY_CODE[ErrorCode(code)]
        case RequestRefusedError(retryable=True):
            return _TRY_AGAIN
        case _:
            return _BY_KIND.get(type(error))
