"""What the recogniser and its decoder's process say to each other over two pipes.

Commands are frames (kind, length, payload), since they carry sound; reports are lines of JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

import msgspec

_HEADER = struct.Struct("!BI")
MAX_PAYLOAD_BYTES = 1 << 20
# An utterance of ten seconds has some 40 words.
MAX_REPORT_BYTES = 64 * 1024


class Command(IntEnum):
    """What the decoder is told."""

    SOUND = 1  # s16le samples at the session's rate
    BREAK = 2  # what comes next is another stretch of sound: whoever speaks has ended
    FINISH = 3  # nothing comes any more


class Ready(msgspec.Struct, tag="ready"):
    """The models are loaded."""


class Taken(msgspec.Struct, tag="taken"):
    """One command was carried out; what it led to was reported before."""


class Spoken(msgspec.Struct, tag="spoken", frozen=True):
    """Words, and when they were spoken, in ms from the beginning of what was heard."""

    text: str
    final: bool
    start_ms: float
    end_ms: float


Report = Ready | Taken | Spoken
_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def frame(command: Command, payload: bytes = b"") -> bytes:
    """A command as it is written. Raises ValueError if the payload is above its bound."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame carries {MAX_PAYLOAD_BYTES} bytes at most, not {len(payload)}")
    return _HEADER.pack(command, len(payload)) + payload


class Commands:
    """Takes frames out of a stream of bytes, however it is cut."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Command, bytes]]:
        """The commands that are complete now. Raises ValueError for what is none."""
        self._bytes += data
        while len(self._bytes) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._bytes)
            if length > MAX_PAYLOAD_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = _HEADER.size + length
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            yield Command(kind), payload


def line(report: Report) -> bytes:
    """A report as it is written."""
    return msgspec.json.encode(report) + b"\n"


def parse(data: bytes) -> Report:
    """The report in a line. Raises msgspec.MsgspecError."""
    return _reports.decode(data)
