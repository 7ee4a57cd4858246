"""Sending in real time: no audio is queued behind audio that cannot be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from client.errors import ConnectionLostError, RequestRefusedError, StalledError
from client.flows.streaming import Streamer, StreamReport, run_until_first_ends
from client.playback.capture import Recording
from client.protocol.events import AudioRefused
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import AudioFormatHint
from tests.unit.client.support import FORMAT, T0, FakeClock


class Wire:
    """Records sent chunks; `block` makes sending wait, like a full socket."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        self.chunk_ms: list[int | None] = []
        self.free = asyncio.Event()
        self.free.set()

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, *, chunk_ms: int | None = None
    ) -> None:
        await self.free.wait()
        self.sent.append((seq, timestamp - T0))
        self.chunk_ms.append(chunk_ms)


class Slow(Recording):
    """Audio that is read in a thread, as files are."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            await asyncio.sleep(0)
            yield chunk


def _streamer(wire: Wire, clock: FakeClock, progress: list[int] | None = None) -> Streamer:
    def note(report: StreamReport) -> None:
        if progress is not None:
            progress.append(report.sent)

    return Streamer(wire, FORMAT, clock=clock, sleep=clock.sleep, on_progress=note)


async def test_every_chunk_is_sent_once_in_order_with_its_time() -> None:
    wire, clock, progress = Wire(), FakeClock(), list[int]()
    streamer = _streamer(wire, clock, progress)
    await streamer.run(Recording(bytes(3 * FORMAT.chunk_bytes), FORMAT))
    assert wire.sent == [(0, 0), (1, 200), (2, 400)]
    assert streamer.report == StreamReport(200, total=3, captured=3, sent=3)
    assert progress == [1, 2, 3]


async def test_what_the_network_could_not_take_in_time_is_dropped() -> None:
    wire, clock = Wire(), FakeClock()
    wire.free.clear()

    async def unblock_later(seconds: float) -> None:
        await clock.sleep(seconds)
        if clock.ms >= 2_000:
            wire.free.set()

    streamer = Streamer(wire, FORMAT, clock=clock, sleep=unblock_later)
    await streamer.run(Recording(bytes(20 * FORMAT.chunk_bytes), FORMAT))
    numbers = [seq for seq, _ in wire.sent]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0, "the one that was being sent"
    assert numbers[1] >= 7, "what waited behind it is of no use any more"
    assert numbers[-1] == 19
    assert streamer.report.sent + streamer.report.dropped == 20


async def test_after_this_program_was_halted_it_goes_on_in_real_time() -> None:
    wire, clock, sent_at = Wire(), FakeClock(), dict[int, float]()

    async def halted_once(seconds: float) -> None:
        await clock.sleep(seconds)
        if clock.ms == 2_000:
            clock.advance(3_000)

    def note(report: StreamReport) -> None:
        if wire.sent:
            sent_at.setdefault(wire.sent[-1][0], clock.ms)

    streamer = Streamer(wire, FORMAT, clock=clock, sleep=halted_once, on_progress=note)
    await streamer.run(Slow(bytes(40 * FORMAT.chunk_bytes), FORMAT))
    report = streamer.report
    assert (report.sent, report.dropped) == (40 - report.dropped, report.dropped)
    assert 12 <= report.dropped <= 14
    assert sum(at == 5_000 for at in sent_at.values()) <= 3, "no burst"
    assert sorted(sent_at)[-15:] == list(range(25, 40))


async def test_what_the_network_holds_back_is_dropped_and_counted() -> None:
    class Stalling(Wire):
        async def send_audio(
            self, seq: int, timestamp: int, audio: bytes, *, chunk_ms: int | None = None
        ) -> None:
            if 5 <= seq < 20:
                raise StalledError
            await super().send_audio(seq, timestamp, audio)

    wire, clock = Stalling(), FakeClock()
    streamer = _streamer(wire, clock)
    await streamer.run(Recording(bytes(30 * FORMAT.chunk_bytes), FORMAT))
    assert (streamer.report.sent, streamer.report.dropped) == (15, 15)


async def test_a_broken_connection_ends_the_stream() -> None:
    class Broken(Wire):
        async def send_audio(
            self, seq: int, timestamp: int, audio: bytes, *, chunk_ms: int | None = None
        ) -> None:
            raise ConnectionLostError("gone")

    with pytest.raises(ConnectionLostError):
        await _streamer(Broken(), FakeClock()).run(Recording(bytes(6_400), FORMAT))


def test_only_a_refusal_that_may_pass_is_counted() -> None:
    streamer = _streamer(Wire(), FakeClock())
    streamer.refused(AudioRefused(1, RequestRefusedError("RATE_LIMITED", 429, "", retryable=True)))
    assert streamer.report.refused == 1
    forbidden = RequestRefusedError("FORBIDDEN", 403, "", retryable=False)
    with pytest.raises(RequestRefusedError):
        streamer.refused(AudioRefused(2, forbidden))


async def test_either_ends_with_the_first_and_cancels_the_other() -> None:
    cancelled = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    await run_until_first_ends(asyncio.sleep(0), forever())
    assert cancelled == [True]


def test_a_stream_has_settled_after_the_services_deadline() -> None:
    for chunk_ms, deadline in ((100, 0.4), (600, 1.2)):
        streamer = Streamer(Wire(), AudioFormat(chunk_ms=chunk_ms), clock=FakeClock())
        assert streamer.drain_seconds > deadline


def hint(chunk_ms: int) -> AudioFormatHint:
    return AudioFormatHint(session_id="golden-eagle-427", chunk_ms=chunk_ms)


async def test_a_hint_changes_the_duration_of_the_next_chunks() -> None:
    wire, clock = Wire(), FakeClock()

    def follow(report: StreamReport) -> None:
        if report.sent == 2:
            streamer.follow(hint(600))
        elif report.sent == 8:
            streamer.follow(hint(200))

    streamer = Streamer(wire, FORMAT, clock=clock, sleep=clock.sleep, on_progress=follow)
    await streamer.run(Recording(bytes(9 * FORMAT.chunk_bytes), FORMAT))
    assert wire.sent == [(0, 0), (1, 200), (2, 400), (3, 1_000), (4, 1_600)]
    assert wire.chunk_ms == [None, None, 600, 600, None]
    assert streamer.report == StreamReport(200, total=9, captured=9, sent=9)


async def test_the_last_of_longer_chunks_may_be_shorter() -> None:
    wire, clock = Wire(), FakeClock()
    streamer = _streamer(wire, clock)
    streamer.follow(hint(600))
    await streamer.run(Recording(bytes(5 * FORMAT.chunk_bytes), FORMAT))
    assert wire.sent == [(0, 0), (1, 600)]
    assert wire.chunk_ms == [600, 400]
    assert streamer.drain_seconds > 0.8


async def test_a_refused_longer_chunk_counts_as_all_of_its_parts() -> None:
    streamer = _streamer(Wire(), FakeClock())
    streamer.follow(hint(600))
    await streamer.run(Recording(bytes(3 * FORMAT.chunk_bytes), FORMAT))
    streamer.count_refused()
    assert streamer.report.refused == 3
