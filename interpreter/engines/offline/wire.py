"""Protocol between the recogniser and its decoder process, over two pipes.

Commands are binary frames (kind, length, payload), since they carry audio. Reports are lines of
JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

import msgspec

_HEADER = struct.Struct("!BI")
MAX_PAYLOAD_BYTES = 1 << 20
# An utterance of ten seconds has about 40 words.
MAX_REPORT_BYTES = 64 * 1024


class Command(IntEnum):
    """Commands to the decoder."""

    SOUND = 1  # s16le samples at the session's rate
    BREAK = 2  # the audio has a gap here, which ends the utterance
    FINISH = 3  # no more audio follows


class Ready(msgspec.Struct, tag="ready"):
    """The models are loaded."""


class Done(msgspec.Struct, tag="done"):
    """A command was executed. Its transcripts were reported before."""


class Transcript(msgspec.Struct, tag="transcript", frozen=True):
    """Recognised words, with positions in ms since the start of the audio."""

    text: str
    final: bool
    start_ms: float
    end_ms: float


Report = Ready | Done | Transcript
_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def frame(command: Command, payload: bytes = b"") -> bytes:
    """Encode a command. Raises ValueError if the payload is too long."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame carries at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
    return _HEADER.pack(command, len(payload)) + payload


class CommandReader:
    """Decodes commands from a stream of bytes, in reads of any size."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Command, bytes]]:
        """Add bytes and yield complete commands. Raises ValueError for an invalid frame."""
        self._bytes += data
        while len(self._bytes) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._bytes)
            if length > MAX_PAYLOAD_BYTES:
                raise ValueError(f"a frame of {length} bytes is too long")
            end = _HEADER.size + length
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            yield Command(kind), payload


def line(report: Report) -> bytes:
    """Encode a report as a line."""
    return msgspec.json.encode(report) + b"\n"


def parse(data: bytes) -> Report:
    """Decode the report in a line. Raises msgspec.MsgspecError."""
    return _reports.decode(data)
