"""Event stream frames of Transcribe, one or more per WebSocket message.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream.
botocore decodes these frames but cannot encode them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from botocore.eventstream import EventStreamBuffer, ParserError

from interpreter.engine import EngineError

# Total length, length of the headers, and checksum of both. Another checksum ends the frame.
_PRELUDE = struct.Struct(">III")
_CHECKSUM_BYTES = 4
_MIN_BYTES = _PRELUDE.size + _CHECKSUM_BYTES
_STRING = 7
# https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_AudioEvent.html
MAX_AUDIO_BYTES = 32 * 1024


class FrameError(EngineError):
    """The connection carries invalid frames; another connection may work."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. Header names begin with a colon, as on the wire."""

    headers: Mapping[str, object]
    payload: bytes

    @property
    def event(self) -> str | None:
        """Event type; None for an exception."""
        return self._header(":event-type") if self.exception is None else None

    @property
    def exception(self) -> str | None:
        """Exception type; None for an event."""
        kind = self._header(":message-type")
        return self._header(f":{kind}-type") or kind if kind != "event" else None

    def _header(self, name: str) -> str | None:
        value = self.headers.get(name)
        return value if isinstance(value, str) else None


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Encode a frame. Header names have up to 255 B, values up to 32 767 B."""
    packed = b"".join(_packed(name, value) for name, value in headers.items())
    size = _MIN_BYTES + len(packed) + len(payload)
    lengths = struct.pack(">II", size, len(packed))
    start = lengths + struct.pack(">I", crc32(lengths))
    body = start + packed + payload
    return body + struct.pack(">I", crc32(body))


def _packed(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    return b"%c%b%c%b%b" % (
        len(name_bytes),
        name_bytes,
        _STRING,
        struct.pack(">H", len(value_bytes)),
        value_bytes,
    )


def audio_event(pcm: bytes) -> bytes:
    """Encode an audio frame of up to MAX_AUDIO_BYTES. An empty one ends the stream.

    https://docs.aws.amazon.com/transcribe/latest/dg/streaming-websocket.html
    """
    return encode(
        {
            ":content-type": "application/octet-stream",
            ":event-type": "AudioEvent",
            ":message-type": "event",
        },
        pcm,
    )


def decode(message: bytes) -> Iterator[Frame]:
    """Decode the frames of a WebSocket message. Raises FrameError."""
    rest = memoryview(message)
    while rest:
        size = int.from_bytes(rest[:4]) if len(rest) >= _MIN_BYTES else 0
        if not _MIN_BYTES <= size <= len(rest):
            raise FrameError("Transcribe sent an incomplete frame; connect again")
        yield _decoded(bytes(rest[:size]))
        rest = rest[size:]


def _decoded(frame: bytes) -> Frame:
    buffer = EventStreamBuffer()
    buffer.add_data(frame)
    try:
        message = next(buffer)
    except (ParserError, struct.error, LookupError, ValueError, StopIteration) as fault:
        raise FrameError("Transcribe sent a damaged frame; connect again") from fault
    headers: Any = message.headers  # a dict, whatever the stubs say
    return Frame(headers, message.payload)
