"""What the services can be told to do wrong: the next requests, or the next streams, get it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refused:
    """An error: for a stream, of the handshake. Its status is as botocore's model says, or 400."""

    code: str
    status: int | None = None


@dataclass(frozen=True)
class Stalled:
    """No answer at all; for a stream, to the handshake."""


@dataclass(frozen=True)
class Cut:
    """An HTTP answer that breaks off."""


@dataclass(frozen=True)
class Thrown:
    """An exception frame after so much sound (ms), and the end of the stream."""

    code: str
    after_ms: float = 0
    message: str = "Something happened."


@dataclass(frozen=True)
class Dropped:
    """The connection is gone after so much sound (ms)."""

    after_ms: float = 0


@dataclass(frozen=True)
class Garbage:
    """A message that is no event stream, or no event, after so much sound (ms)."""

    message: bytes | str
    after_ms: float = 0


@dataclass(frozen=True)
class Deaf:
    """Sound is taken, and nothing is ever said."""


@dataclass(frozen=True)
class Never:
    """All goes well, but the stream does not close at its end."""


HttpTrouble = Refused | Stalled | Cut
StreamTrouble = Refused | Stalled | Thrown | Dropped | Garbage | Deaf | Never
