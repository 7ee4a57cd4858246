"""Transcribe's side of a stream."""

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
from tests.helpers.aws_speech.faults import (
    ConnectionDropped,
    ExceptionSent,
    InvalidMessage,
    NeverCloses,
    NoResults,
    StreamFault,
)
from tests.helpers.aws_speech.speech_detection import Result, SpeechDetector

MAX_AUDIO_BYTES = 32 * 1024
_AUDIO_HEADERS = {
    ":content-type": "application/octet-stream",
    ":event-type": "AudioEvent",
    ":message-type": "event",
}


@dataclass
class Stream:
    """A received stream: its parameters and audio."""

    parameters: dict[str, str]
    pcm: bytearray = field(default_factory=bytearray)
    ended: bool = False
    closed: bool = False

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz."""
        return int(self.parameters["sample-rate"])

    @property
    def heard_ms(self) -> float:
        """Duration of the received audio."""
        return len(self.pcm) / 2 / self.sample_rate * 1000


class StreamExceptionError(Exception):
    """An exception frame to send, which ends the stream."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def serve_stream(
    socket: ServerConnection,
    stream: Stream,
    detector: SpeechDetector,
    fault: StreamFault | None,
    *,
    idle_seconds: float,
    changed: Callable[[], None],
) -> None:
    """Serve a stream to its end."""
    try:
        async for pcm in _receive_audio(socket, idle_seconds):
            stream.pcm += pcm
            changed()
            if isinstance(fault, ExceptionSent) and stream.heard_ms >= fault.after_ms:
                raise StreamExceptionError(fault.code, fault.message)  # noqa: TRY301
            if isinstance(fault, ConnectionDropped) and stream.heard_ms >= fault.after_ms:
                socket.transport.abort()
                return
            if isinstance(fault, InvalidMessage) and stream.heard_ms >= fault.after_ms:
                await socket.send(fault.message)
                await socket.wait_closed()
                return
            if not isinstance(fault, NoResults):
                await _send_results(socket, detector.hear(pcm))
        stream.ended = True
        changed()
        await _send_results(socket, detector.finish())
        if isinstance(fault, NeverCloses):
            await socket.wait_closed()
    except StreamExceptionError as thrown:
        await socket.send(_exception(thrown))
    except ConnectionClosed:
        pass
    finally:
        stream.closed = True
        changed()


async def _receive_audio(socket: ServerConnection, idle_seconds: float) -> AsyncIterator[bytes]:
    """Audio of the events, until the empty one. Raises StreamExceptionError."""
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                message = await socket.recv()
        except TimeoutError:
            raise StreamExceptionError(
                "BadRequestException",
                "Your request timed out because no new audio was received for 15 seconds.",
            ) from None
        buffer = EventStreamBuffer()
        buffer.add_data(message if isinstance(message, bytes) else message.encode())
        frames = list(buffer)
        headers: list[Any] = [frame.headers for frame in frames]
        if headers != [_AUDIO_HEADERS]:
            raise StreamExceptionError("BadRequestException", "Not an audio event.")
        pcm = frames[0].payload
        if len(pcm) > MAX_AUDIO_BYTES:
            raise StreamExceptionError("BadRequestException", "The audio chunk is too long.")
        if not pcm:
            return
        yield pcm


async def _send_results(socket: ServerConnection, results: Iterable[Result]) -> None:
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


def _exception(thrown: StreamExceptionError) -> bytes:
    return encode(
        {
            ":content-type": "application/json",
            ":exception-type": thrown.code,
            ":message-type": "exception",
        },
        json.dumps({"Message": str(thrown)}).encode(),
    )
