"""One Transcribe stream over a WebSocket, with the timeline of its audio.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-websocket.html
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)
from websockets.http11 import Response

from client.urls import is_local
from interpreter.engine import EngineError, EngineUnavailableError
from interpreter.engines.aws.error_mapping import (
    TRANSCRIBE,
    ConnectionLostError,
    from_error_code,
    from_stream_exception,
)
from interpreter.engines.aws.event_stream import MAX_AUDIO_BYTES, FrameError, audio_event, decode
from interpreter.engines.aws.timing import Timing
from interpreter.engines.aws.transcripts import Result, results_of
from interpreter.timeline import Timeline

_CLOSE_SECONDS = 1.0
# A few seconds of words take a few KB.
_MAX_MESSAGE_BYTES = 1024 * 1024
_SAMPLE_BYTES = 2
# At debug level the library logs handshakes, which are signed, and frames, which contain speech.
_wire_log = logging.getLogger("lingocast.interpreter.wire")
_wire_log.setLevel(logging.WARNING)


class TranscribeStream:
    """An open stream. Positions are ms of audio sent."""

    def __init__(self, socket: ClientConnection, sample_rate: int, timing: Timing) -> None:
        self._socket = socket
        self._bytes_per_ms = sample_rate * _SAMPLE_BYTES / 1000
        self._max_bytes = min(MAX_AUDIO_BYTES, int(self._bytes_per_ms * 200)) // 2 * 2
        self._timing = timing
        self._ended = False
        self.timeline = Timeline()

    @classmethod
    async def open(cls, url: str, sample_rate: int, timing: Timing) -> Self:
        """Open a stream at a signed URL. Raises EngineError."""
        try:
            socket = await connect(
                url,
                compression=None,
                open_timeout=timing.open,
                close_timeout=_CLOSE_SECONDS,
                # Pings are undocumented for Transcribe. A dead connection shows by failing sends
                # and missing results.
                ping_interval=None,
                max_size=_MAX_MESSAGE_BYTES,
                proxy=None if is_local(url) else True,
                logger=_wire_log,
            )
        except InvalidStatus as refused:
            raise _refusal(refused.response) from None
        except (InvalidURI, ValueError):
            raise EngineUnavailableError("Transcribe's endpoint is not a wss:// URL") from None
        except (InvalidMessage, InvalidHandshake):
            raise ConnectionLostError("the server at Transcribe's endpoint is not it") from None
        except TimeoutError:
            raise ConnectionLostError("Transcribe does not answer") from None
        except OSError as fault:
            raise ConnectionLostError(
                f"Transcribe cannot be reached ({type(fault).__name__})"
            ) from None
        return cls(socket, sample_rate, timing)

    async def send(self, pcm: bytes, timestamp: int | None = None) -> float:
        """Send audio captured at `timestamp`, by default directly after the last.

        Returns the position of its end. Raises EngineError.
        """
        heard = self.timeline.heard_ms
        if timestamp is None:
            timestamp = self.timeline.end_at(heard) if heard else 0
        self.timeline.add(timestamp, len(pcm) / self._bytes_per_ms)
        for start in range(0, len(pcm), self._max_bytes):
            await self._send(audio_event(pcm[start : start + self._max_bytes]))
        return self.timeline.heard_ms

    async def send_silence(self, duration_ms: float) -> None:
        """Send generated silence. Raises EngineError."""
        await self.send(bytes(int(duration_ms * self._bytes_per_ms) // 2 * 2))

    async def end(self) -> None:
        """Signal the end of the audio. Transcribe then sends its last results and closes."""
        self._ended = True
        await self._send(audio_event(b""))

    async def _send(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(self._timing.send):
                await self._socket.send(frame)
        except TimeoutError:
            raise ConnectionLostError("Transcribe stopped accepting audio") from None
        except ConnectionClosed:
            raise _connection_broken() from None

    async def results(self) -> AsyncGenerator[list[Result], None]:
        """Iterate over the results of each event, until Transcribe closes an ended stream.

        Raises EngineError for an exception frame, or if the stream ends otherwise.
        """
        try:
            async for message in self._socket:
                if isinstance(message, str):
                    raise FrameError("Transcribe sent text; connect again")
                for frame in decode(message):
                    if frame.exception is not None:
                        raise from_stream_exception(frame.exception, _text(frame.payload))
                    if frame.event == "TranscriptEvent":
                        yield results_of(frame.payload)
        except ConnectionClosed:
            raise _connection_broken() from None
        if not self._ended:
            raise _connection_broken()

    async def close(self) -> None:
        """Abort the connection. May be repeated.

        A closing handshake is not needed: an ended stream is closed already, and any other one is
        broken or no longer wanted.
        """
        self._socket.transport.abort()
        await self._socket.wait_closed()


def _connection_broken() -> EngineError:
    return ConnectionLostError("the connection to Transcribe broke off")


def _text(payload: bytes) -> str:
    """Text of an exception, used only to distinguish exceptions of the same type."""
    try:
        said = json.loads(payload)
    except ValueError:
        return ""
    text = said.get("Message") or said.get("message") if isinstance(said, dict) else None
    return text if isinstance(text, str) else ""


def _refusal(response: Response) -> EngineError:
    """Map a refused handshake. A header names the error, with a URL after a colon."""
    code = response.headers.get("x-amzn-ErrorType", "").partition(":")[0]
    if response.status_code == HTTPStatus.FORBIDDEN and not code:
        return from_error_code("AccessDeniedException", response.status_code, TRANSCRIBE)
    return from_error_code(code, response.status_code, TRANSCRIBE)
