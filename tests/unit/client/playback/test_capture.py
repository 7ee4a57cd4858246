"""Capture in real time: completion and timestamps of chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from client.playback.capture import Captured, Recording, capture
from shared.models.audio_format import AudioFormat
from tests.unit.client.support import FORMAT, T0, FakeClock

CHUNK = FORMAT.chunk_bytes


class Microphone:
    """A live source with delayed chunks; it advances the clock while it waits."""

    live = True
    total = None

    def __init__(self, clock: FakeClock, chunk_takes_ms: list[int]) -> None:
        self._clock = clock
        self._chunk_takes_ms = chunk_takes_ms

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for duration in self._chunk_takes_ms:
            self._clock.advance(duration)
            yield bytes(CHUNK)


async def _captured(source: Recording | Microphone, clock: FakeClock) -> list[tuple[Captured, int]]:
    return [(chunk, clock.now_ms()) async for chunk in capture(source, FORMAT, clock, clock.sleep)]


async def test_a_recording_is_captured_at_its_own_pace() -> None:
    clock = FakeClock()
    result = await _captured(Recording(bytes(2 * CHUNK + 3_200), FORMAT), clock)
    assert [(chunk.seq, chunk.timestamp - T0, at - T0) for chunk, at in result] == [
        (0, 0, 200),
        (1, 200, 400),
        (2, 400, 500),  # the last is half as long, and complete that much earlier
    ]


async def test_a_chunk_that_is_no_whole_number_of_samples_long_does_not_drift() -> None:
    clock, audio_format = FakeClock(), AudioFormat(sample_rate=11_025, chunk_ms=100)
    recording = Recording(bytes(audio_format.chunk_bytes * 100), audio_format)
    chunks = [chunk async for chunk in capture(recording, audio_format, clock, clock.sleep)]
    assert chunks[-1].timestamp == T0 + round(99 * 1102 / 11.025)


async def test_a_source_that_gives_chunks_too_early_is_held_to_real_time() -> None:
    clock = FakeClock()
    result = await _captured(Microphone(clock, [0, 0, 0]), clock)
    assert [at - T0 for _, at in result] == [200, 400, 600]


async def test_a_live_source_that_stalled_dates_its_later_chunks_later() -> None:
    clock = FakeClock()
    result = await _captured(Microphone(clock, [200, 200, 1_200, 200]), clock)
    assert [(chunk.timestamp - T0, at - T0) for chunk, at in result] == [
        (0, 200),
        (200, 400),
        (1_400, 1_600),
        (1_600, 1_800),
    ]


async def test_chunks_buffered_while_suspended_come_at_once_with_their_times() -> None:
    clock = FakeClock()
    result = await _captured(Microphone(clock, [200, 3_200, *[0] * 15, 200, 200]), clock)
    # The second chunk had waited for 3 s, which is known once the third is there at once.
    backlog = [(200 * seq, 3_400) for seq in range(2, 17)]
    assert [(chunk.timestamp - T0, at - T0) for chunk, at in result] == [
        (0, 200),
        (3_200, 3_400),
        *backlog,
        (3_400, 3_600),
        (3_600, 3_800),
    ]


async def test_a_recorder_that_delivers_in_lumps_is_played_evenly() -> None:
    clock = FakeClock()

    class Lumps(Microphone):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for lump in range(1, 11):  # five chunks a second
                clock.ms = max(clock.ms, 1_000.0 * lump)
                for _ in range(5):
                    yield bytes(CHUNK)

    result = await _captured(Lumps(clock, []), clock)
    assert [at - T0 for _, at in result] == [1_000 + 200 * number for number in range(50)]
    assert [chunk.timestamp - T0 for chunk, _ in result] == [800 + 200 * n for n in range(50)]
