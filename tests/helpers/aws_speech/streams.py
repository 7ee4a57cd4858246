"""Transcribe's side of a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.eventstream import EventStreamBuffer
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from interpreter.engines.aws.event_stream import encode
from tests.helpers.aws_speech.hearing import Ears, Result
from tests.helpers.aws_speech.troubles import (
    Deaf,
    Dropped,
    Garbage,
    Never,
    StreamTrouble,
    Thrown,
)

MOST_AUDIO_BYTES = 32 * 1024
_AUDIO_HEADERS = {
    ":content-type": "application/octet-stream",
    ":event-type": "AudioEvent",
    ":message-type": "event",
}


@dataclass
class Stream:
    """A stream as it came in: what was asked for, and the sound that came."""

    parameters: dict[str, str]
    pcm: bytearray = field(default_factory=bytearray)
    ended: bool = False
    closed: bool = False

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return int(self.parameters["sample-rate"])

    @property
    def heard_ms(self) -> float:
        """How much sound came."""
        return len(self.pcm) / 2 / self.sample_rate * 1000


class ThrownError(Exception):
    """An exception of the service, and the end of the stream."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def serve_stream(
    socket: ServerConnection,
    stream: Stream,
    ears: Ears,
    trouble: StreamTrouble | None,
    *,
    idle_seconds: float,
    changed: Callable[[], None],
) -> None:
    """Hear a stream to its end."""
    try:
        async for pcm in _sound(socket, idle_seconds):
            stream.pcm += pcm
            changed()
            if isinstance(trouble, Thrown) and stream.heard_ms >= trouble.after_ms:
                raise ThrownError(trouble.code, trouble.message)  # noqa: TRY301
            if isinstance(trouble, Dropped) and stream.heard_ms >= trouble.after_ms:
                socket.transport.abort()
                return
            if isinstance(trouble, Garbage) and stream.heard_ms >= trouble.after_ms:
                await socket.send(trouble.message)
                await socket.wait_closed()
                return
            if not isinstance(trouble, Deaf):
                await _say(socket, ears.hear(pcm))
        stream.ended = True
        changed()
        await _say(socket, ears.finish())
        if isinstance(trouble, Never):
            await socket.wait_closed()
    except ThrownError as thrown:
        await socket.send(_exception(thrown))
    except ConnectionClosed:
        pass
    finally:
        stream.closed = True
        changed()


async def _sound(socket: ServerConnection, idle_seconds: float) -> AsyncIterator[bytes]:
    """What the audio events hold, until the empty one. Raises ThrownError."""
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                message = await socket.recv()
        except TimeoutError:
            raise ThrownError(
                "BadRequestException",
                "Your request timed out because no new audio was received for 15 seconds.",
            ) from None
        buffer = EventStreamBuffer()
        buffer.add_data(message if isinstance(message, bytes) else message.encode())
        frames = list(buffer)
        headers: list[Any] = [frame.headers for frame in frames]
        if headers != [_AUDIO_HEADERS]:
            raise ThrownError("BadRequestException", "That is no audio event.")
        pcm = frames[0].payload
        if len(pcm) > MOST_AUDIO_BYTES:
            raise ThrownError("BadRequestException", "The audio chunk is too long.")
        if not pcm:
            return
        yield pcm


async def _say(socket: ServerConnection, results: Iterable[Result]) -> None:
    for result in results:
        await socket.send(
            encode(
                {
                    ":content-type": "application/json",
                    ":event-type": "TranscriptEvent",
                    ":message-type": "event",
                },
                json.dumps({"Transcript": {"Results": [result]}}).encode(),
            )
        )


def _exception(thrown: ThrownError) -> bytes:
    return encode(
        {
            ":content-type": "application/json",
            ":exception-type": thrown.code,
            ":message-type": "exception",
        },
        json.dumps({"Message": str(thrown)}).encode(),
    )
