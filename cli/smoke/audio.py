"""Test sound for the smoke test: distinguishable chunks, and the listener that checks them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np

from cli.smoke.report import StepError
from client.connection.websocket import Connection
from client.playback.audio import at_volume
from client.playback.capture import Captured
from client.playback.jitter import JitterBuffer, Played
from client.playback.latency import LatencySummary
from client.protocol.events import AudioReceived, AudioRefused, Notification
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionEnded
from shared.utils.clock import Clock

# Listeners drop chunks that arrive later than this after capture.
PLAYOUT_DELAY_MS = 2_000
_LOWEST_HZ = 220.0
_SEMITONES = 24
_VOLUME = 0.3


def tone(number: int, audio_format: AudioFormat) -> bytes:
    """Chunk `number`: a tone of a scale; its first two samples encode the number."""
    samples = audio_format.chunk_bytes // audio_format.frame_bytes
    hertz = _LOWEST_HZ * 2 ** (number % _SEMITONES / 12)
    wave = np.sin(2 * np.pi * hertz * np.arange(samples) / audio_format.sample_rate)
    pcm = at_volume(np.rint(wave * 32_767).astype("<i2").tobytes(), _VOLUME)
    return number.to_bytes(4, "little") + pcm[4:]


class ToneSource:
    """Endless live source of rising tones, like a microphone."""

    live = True
    total = None

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format

    async def __aiter__(self) -> AsyncIterator[bytes]:
        number = 0
        while True:
            yield tone(number, self._format)
            number += 1


class ServerTime:
    """Clock with the server's time as a connection estimates it.

    Listeners on this machine use the same estimate, so latencies are comparable.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, by the server's clock."""
        return round(self._connection.now_ms())

    def monotonic(self) -> float:
        """Seconds of this machine's monotonic clock."""
        return self._clock.monotonic()


@dataclass(slots=True)
class SmokeListener:
    """A listener of the smoke test."""

    connection: Connection
    language: str
    audio_format: AudioFormat
    ended: str | None = None
    received: list[AudioReceived] = field(default_factory=list)

    async def receive(self, timeout_seconds: float) -> bool:
        """Receive one event; return False if none arrives in time."""
        event = await self.connection.next_event(timeout_seconds)
        match event:
            case AudioReceived():
                self.received.append(event)
            case Notification(message=SessionEnded(reason=reason)):
                self.ended = reason
        return event is not None

    async def receive_all(
        self, wanted: list[Captured], clock: Clock, timeout_seconds: float
    ) -> None:
        """Receive events until all chunks have arrived or the timeout is over."""
        missing = {chunk.seq for chunk in wanted} - {item.audio.seq for item in self.received}
        until = clock.monotonic() + timeout_seconds
        while missing and await self.receive(max(until - clock.monotonic(), 0)):
            if self.received:
                missing.discard(self.received[-1].audio.seq)

    def check(self, wanted: list[Captured]) -> LatencySummary:
        """Latency of the chunks. Raises StepError unless they play in order and unchanged."""
        buffer = JitterBuffer(self.audio_format, PLAYOUT_DELAY_MS)
        first = wanted[0].seq
        arrived = [item for item in self.received if item.audio.seq >= first]
        for item in arrived:
            buffer.push(item.audio, item.received_at_ms)
        played = [event.audio for event in buffer.flush() if isinstance(event, Played)]
        latencies = buffer.latencies.summary()
        if latencies is None:
            raise StepError("no chunk arrived")
        sent = {chunk.seq: chunk.audio for chunk in wanted}
        seqs = [audio.seq for audio in played]
        for fault, numbers in (
            ("missing", [seq for seq in sent if seq not in {item.audio.seq for item in arrived}]),
            ("too late to play", [s for s in sent if s not in seqs]),
            ("changed in transit", [a.seq for a in played if a.audio != sent.get(a.seq)]),
        ):
            if numbers:
                raise StepError(f"{len(numbers)} of {len(sent)} {fault}: chunk {_list(numbers)}")
        if buffer.counts.duplicate:
            raise StepError(f"{buffer.counts.duplicate} arrived twice")
        return latencies


def _list(numbers: list[int], most: int = 8) -> str:
    more = ", …" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


async def pending_refusal(connection: Connection) -> AudioRefused | None:
    """The service's refusal of a chunk, if one has arrived."""
    while (event := await connection.next_event(0)) is not None:
        if isinstance(event, AudioRefused):
            return event
    return None
