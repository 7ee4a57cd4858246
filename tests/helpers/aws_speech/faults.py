"""Faults to inject into requests and streams."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refused:
    """An error response; for a stream, to its handshake.

    The status defaults to that of botocore's model, or 400.
    """

    code: str
    status: int | None = None


@dataclass(frozen=True)
class Stalled:
    """No response; for a stream, to its handshake."""


@dataclass(frozen=True)
class Truncated:
    """A truncated HTTP response."""


@dataclass(frozen=True)
class ExceptionSent:
    """An exception frame after `after_ms` of audio, and the end of the stream."""

    code: str
    after_ms: float = 0
    message: str = "Something happened."


@dataclass(frozen=True)
class ConnectionDropped:
    """A connection lost after `after_ms` of audio."""

    after_ms: float = 0


@dataclass(frozen=True)
class InvalidMessage:
    """An invalid message after `after_ms` of audio."""

    message: bytes | str
    after_ms: float = 0


@dataclass(frozen=True)
class NoResults:
    """A stream that accepts audio but sends no results."""


@dataclass(frozen=True)
class NeverCloses:
    """A stream that does not close at its end."""


HttpFault = Refused | Stalled | Truncated
StreamFault = (
    Refused | Stalled | ExceptionSent | ConnectionDropped | InvalidMessage | NoResults | NeverCloses
)
