"""Catalogue of all errors that a client can receive.

Server, clients and documentation use it. Codes are stable; `status` follows HTTP; `retryable` means
that the same request may succeed later.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ErrorCode(StrEnum):
    """Stable code of an error, as in an `error` message."""

    INVALID_MESSAGE = "INVALID_MESSAGE"
    UNKNOWN_ACTION = "UNKNOWN_ACTION"
    INVALID_LANGUAGE = "INVALID_LANGUAGE"
    INVALID_SESSION_ID = "INVALID_SESSION_ID"
    INVALID_AUDIO = "INVALID_AUDIO"
    INVALID_VOLUME = "INVALID_VOLUME"
    INVALID_QUALITY_TIER = "INVALID_QUALITY_TIER"
    INVALID_AUDIO_FORMAT = "INVALID_AUDIO_FORMAT"
    INVALID_ENGINE = "INVALID_ENGINE"
    INVALID_ANNOUNCEMENT = "INVALID_ANNOUNCEMENT"
    INVALID_CAPTION = "INVALID_CAPTION"
    INVALID_DEVICE = "INVALID_DEVICE"
    INVALID_SYNC = "INVALID_SYNC"
    CLOCK_SKEW = "CLOCK_SKEW"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    INVALID_SIGNATURE = "INVALID_SIGNATURE"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    FORBIDDEN = "FORBIDDEN"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    CONNECTION_NOT_FOUND = "CONNECTION_NOT_FOUND"
    ANNOUNCEMENT_NOT_FOUND = "ANNOUNCEMENT_NOT_FOUND"
    DEVICE_NOT_FOUND = "DEVICE_NOT_FOUND"
    NOT_IN_SESSION = "NOT_IN_SESSION"
    ALREADY_IN_SESSION = "ALREADY_IN_SESSION"
    LANGUAGE_TAKEN = "LANGUAGE_TAKEN"
    NO_STANDBY = "NO_STANDBY"
    DEVICE_NOT_REGISTERED = "DEVICE_NOT_REGISTERED"
    DEVICE_OFFLINE = "DEVICE_OFFLINE"
    SESSION_ENDED = "SESSION_ENDED"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL = "INTERNAL"
    SESSION_FULL = "SESSION_FULL"
    INTERPRETATION_FULL = "INTERPRETATION_FULL"
    UNAVAILABLE = "UNAVAILABLE"


class ErrorKind(msgspec.Struct, frozen=True):
    """HTTP-like status, whether a retry may help, and when the error occurs."""

    status: int
    retryable: bool
    when: str


CATALOGUE: dict[ErrorCode, ErrorKind] = {
    ErrorCode.INVALID_MESSAGE: ErrorKind(
        400,
        False,
        "not JSON, not an object, or a field is missing or ill-typed (the message names it)",
    ),
    ErrorCode.UNKNOWN_ACTION: ErrorKind(400, False, "no such action"),
    ErrorCode.INVALID_LANGUAGE: ErrorKind(
        400,
        False,
        "not a BCP 47 code, the floor's language for an interpreter, or too many languages",
    ),
    ErrorCode.INVALID_SESSION_ID: ErrorKind(400, False, "not of the form golden-eagle-427"),
    ErrorCode.INVALID_AUDIO: ErrorKind(
        400, False, "a chunk, sequence number or time that the session's format does not allow"
    ),
    ErrorCode.INVALID_VOLUME: ErrorKind(400, False, "a volume outside 0.0-1.0"),
    ErrorCode.INVALID_QUALITY_TIER: ErrorKind(400, False, "a tier other than standard, premium"),
    ErrorCode.INVALID_AUDIO_FORMAT: ErrorKind(400, False, "a format outside the supported ranges"),
    ErrorCode.INVALID_ENGINE: ErrorKind(
        400, False, "an engine of machine interpretation that is not available"
    ),
    ErrorCode.INVALID_ANNOUNCEMENT: ErrorKind(
        400, False, "a text that is empty or too long, or too many translations"
    ),
    ErrorCode.INVALID_CAPTION: ErrorKind(
        400, False, "a text that is empty, too long or has control characters, or an end too early"
    ),
    ErrorCode.INVALID_DEVICE: ErrorKind(
        400, False, "an id that is not a UUID, a name that is too long, or too many devices"
    ),
    ErrorCode.INVALID_SYNC: ErrorKind(
        400, False, "a field is missing for its kind of sync, or has a value out of range"
    ),
    ErrorCode.CLOCK_SKEW: ErrorKind(400, False, "a clock more than 60 s ahead of the service"),
    ErrorCode.AUTHENTICATION_REQUIRED: ErrorKind(
        401, False, "the request needs a token, or `authenticate` sent one that is not valid here"
    ),
    ErrorCode.INVALID_SIGNATURE: ErrorKind(
        401, False, "a webhook whose signature is missing, wrong or older than 5 minutes"
    ),
    ErrorCode.TOKEN_EXPIRED: ErrorKind(
        401, False, "the token has expired: send `authenticate` with a new one, or connect again"
    ),
    ErrorCode.FORBIDDEN: ErrorKind(403, False, "the caller's role does not allow it"),
    ErrorCode.SESSION_NOT_FOUND: ErrorKind(
        404, False, "no such session, or one by link that the caller has no right to"
    ),
    ErrorCode.CONNECTION_NOT_FOUND: ErrorKind(404, False, "the connection is not registered"),
    ErrorCode.ANNOUNCEMENT_NOT_FOUND: ErrorKind(
        404, False, "no such announcement, or no longer active"
    ),
    ErrorCode.DEVICE_NOT_FOUND: ErrorKind(404, False, "the user has no such device"),
    ErrorCode.NOT_IN_SESSION: ErrorKind(
        409, False, "the request needs a session, and the connection is in none"
    ),
    ErrorCode.ALREADY_IN_SESSION: ErrorKind(409, False, "the connection is in an active session"),
    ErrorCode.LANGUAGE_TAKEN: ErrorKind(409, False, "the language has an interpreter"),
    ErrorCode.NO_STANDBY: ErrorKind(409, False, "the language has no stand-by interpreter"),
    ErrorCode.DEVICE_NOT_REGISTERED: ErrorKind(
        409, False, "the request needs a device, and the connection is not one"
    ),
    ErrorCode.DEVICE_OFFLINE: ErrorKind(409, False, "the device is not connected now"),
    ErrorCode.SESSION_ENDED: ErrorKind(410, False, "the session is over"),
    ErrorCode.MESSAGE_TOO_LARGE: ErrorKind(413, False, "larger than its kind of message may be"),
    ErrorCode.RATE_LIMITED: ErrorKind(
        429,
        True,
        "audio faster than real time, captions faster than ten a second, or too many requests on"
        " one connection",
    ),
    ErrorCode.INTERNAL: ErrorKind(500, True, "a fault of the service"),
    ErrorCode.SESSION_FULL: ErrorKind(503, True, "the session has reached its limit of listeners"),
    ErrorCode.INTERPRETATION_FULL: ErrorKind(
        503, True, "machines already interpret as many sessions as they may"
    ),
    ErrorCode.UNAVAILABLE: ErrorKind(503, True, "a part of the service cannot be reached"),
}


class LingocastError(Exception):
    """An error with a catalogue code that is reported to the client.

    `message` is sent unchanged: it names the field and the remedy, never internals. Clients repeat
    the request about `retry_after_ms` later, if it is given.
    """

    def __init__(self, code: ErrorCode, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms


class NeverAllowedError(LingocastError):
    """A request that the connection can never make, because it has no token."""


class ValidationError(LingocastError, ValueError):
    """An invalid value; `field` is its name on the wire."""

    def __init__(self, code: ErrorCode, field: str, reason: str) -> None:
        super().__init__(code, f"{field}: {reason}")
        self.field = field
        self.reason = reason
