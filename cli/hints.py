"""What a person can do about an error: one line each."""

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

_GET_TOKEN = "pass --token (a local server also gives them out: --token-url)"
_BY_CODE = {
    ErrorCode.AUTHENTICATION_REQUIRED: _GET_TOKEN,
    ErrorCode.TOKEN_EXPIRED: (
        "start again with a new one; --token-command or --token-file renews it in time"
    ),
    ErrorCode.FORBIDDEN: (
        "use a token of a user who may (groups: speakers, interpreters, operators)"
    ),
    ErrorCode.SESSION_NOT_FOUND: (
        "`speak` prints it when it begins; of a session by link copy all of it, in quotes"
    ),
    ErrorCode.INVALID_SESSION_ID: "`speak` prints it when it begins",
    ErrorCode.SESSION_ENDED: "a speaker opens a new one with `speak`; listeners need its id",
    ErrorCode.LANGUAGE_TAKEN: (
        "--standby waits for that interpreter's turn to be over, --take-over ends it now"
    ),
    ErrorCode.NO_STANDBY: "leave instead: then the floor is heard",
    ErrorCode.SESSION_FULL: "try again when somebody has left",
    ErrorCode.INTERPRETATION_FULL: (
        "try again when another session is over, or speak without --interpret"
    ),
    ErrorCode.CLOCK_SKEW: "set this machine's clock, best by NTP",
    ErrorCode.INVALID_DEVICE: "--name has at most 64 characters, --kind at most 32",
    ErrorCode.DEVICE_NOT_FOUND: "`python -m cli devices` shows the devices",
    ErrorCode.DEVICE_OFFLINE: "start `python -m cli devices` there, and send it again",
}


_TRY_AGAIN = "try again; a service that has just been started is slow at first"
_BY_KIND: dict[type[ClientError], str] = {
    UnreachableError: "is the server running, and is --url right? `make run` starts one",
    TokenError: "is the local server running, and is --token-url what it printed?",
    DeviceFileError: "name another one with --device-file; it is made if it is not there",
    DeviceReplacedError: "go on there, or be another device: --device-file other.json",
    DisplacedError: "go on there, or end that one first",
    ReconnectTimeoutError: "check the network and the server, then start again",
    ConnectionLostError: "check the network and the server, then start again",
    RequestTimeoutError: _TRY_AGAIN,
}


def hint_for(error: ClientError) -> str | None:
    """What to do about the error; None if its own message says so, or nobody knows."""
    match error:
        case HandshakeRefusedError(status=403):
            return "the token is wrong or expired, or --url does not end in a stage such as /dev"
        case RequestRefusedError(code=code) if code in _BY_CODE:
            return _BY_CODE[ErrorCode(code)]
        case RequestRefusedError(retryable=True):
            return _TRY_AGAIN
        case _:
            return _BY_KIND.get(type(error))
