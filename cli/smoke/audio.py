"""The sound of a smoke test: chunks that cannot be mistaken for each other, and who checks them."""

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

# Later than this after it was captured no listener plays a chunk.
PLAYOUT_DELAY_MS = 2_000
_LOWEST_HZ = 220.0
_SEMITONES = 24
_VOLUME = 0.3


def tone(number: int, audio_format: AudioFormat) -> bytes:
    """Chunk `number`: a tone of a scale, whose first two samples are the number."""
    samples = audio_format.chunk_bytes // audio_format.frame_bytes
    hertz = _LOWEST_HZ * 2 ** (number % _SEMITONES / 12)
    wave = np.sin(2 * np.pi * hertz * np.arange(samples) / audio_format.sample_rate)
    pcm = at_volume(np.rint(wave * 32_767).astype("<i2").tobytes(), _VOLUME)
    return number.to_bytes(4, "little") + pcm[4:]


class Scale:
    """Rising tones without an end, as a microphone would give them."""

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
    """A clock that shows the server's time, as far as a connection knows it: listeners on this
    machine measure by the same.
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
    heard: list[AudioReceived] = field(default_factory=list)

    async def hear(self, timeout_seconds: float) -> bool:
        """Take in one event; False if none came in time."""
        event = await self.connection.next_event(timeout_seconds)
        match event:
            case AudioReceived():
                self.heard.append(event)
            case Notification(message=SessionEnded(reason=reason)):
                self.ended = reason
        return event is not None

    async def hear_all(self, wanted: list[Captured], clock: Clock, patience_seconds: float) -> None:
        """Take in events until all chunks are there, or the patience is over."""
        missing = {chunk.seq for chunk in wanted} - {item.audio.seq for item in self.heard}
        until = clock.monotonic() + patience_seconds
        while missing and await self.hear(max(until - clock.monotonic(), 0)):
            if self.heard:
                missing.discard(self.heard[-1].audio.seq)

    def check(self, wanted: list[Captured]) -> LatencySummary:
        """Whether a player plays just these chunks, in order and unchanged. Raises StepError."""
        buffer = JitterBuffer(self.audio_format, PLAYOUT_DELAY_MS)
        first = wanted[0].seq
        arrived = [item for item in self.heard if item.audio.seq >= first]
        for item in arrived:
            buffer.push(item.audio, item.received_at_ms)
        played = [event.audio for event in buffer.flush() if isinstance(event, Played)]
        latencies = buffer.latencies.summary()
        if latencies is None:
            raise StepError("none of them")
        sent = {chunk.seq: chunk.audio for chunk in wanted}
        seqs = [audio.seq for audio in played]
        for fault, numbers in (
            ("missing", [seq for seq in sent if seq not in {item.audio.seq for item in arrived}]),
            ("too late to be played", [s for s in sent if s not in seqs]),
            ("changed on the way", [a.seq for a in played if a.audio != sent.get(a.seq)]),
        ):
            if numbers:
                raise StepError(f"{len(numbers)} of {len(sent)} {fault}: chunk {_list(numbers)}")
        if buffer.counts.duplicate:
            raise StepError(f"{buffer.counts.duplicate} came twice")
        return latencies


def _list(numbers: list[int], most: int = 8) -> str:
    more = ", …" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


async def refusal(connection: Connection) -> AudioRefused | None:
    """Why the service did not take a chunk, if it said so already."""
    while (event := await connection.next_event(0)) is not None:
        if isinstance(event, AudioRefused):
            return event
    return None
