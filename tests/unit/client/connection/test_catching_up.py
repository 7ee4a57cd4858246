"""A listener that falls behind restarts: rarely, and only if its own connection is slow."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.connection.catching_up import LIMIT_MS, CatchUpMonitor, RestartBackoff
from client.errors import ConnectionLostError, FellBehindError
from shared.protocol.messages import Audio
from tests.helpers.virtual_loop import VirtualLoop, run_virtually
from tests.unit.client.support import T0

CHUNK_MS = 200


@dataclass
class Link:
    """A connection whose downstream delays everything by `delay_s`."""

    delay_s: float = 0.0
    fault: Exception | None = None
    heartbeats: list[float] = field(default_factory=list)

    async def heartbeat(self) -> None:
        self.heartbeats.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.delay_s)
        if self.fault is not None:
            raise self.fault


def _catching_up(loop: VirtualLoop, *, enabled: bool = True) -> CatchUpMonitor:
    return CatchUpMonitor(loop, asyncio.sleep, lambda: 0.5, enabled=enabled)


async def _play(listener: CatchUpMonitor, rate: float, seconds: float) -> list[int]:
    """Send chunks over a link of that rate; return the played ones."""
    played = []
    for seq in range(round(seconds * 1000 * rate / CHUNK_MS)):
        audio = Audio(
            session_id="golden-eagle-427",
            language="en",
            epoch=1,
            seq=seq,
            timestamp=T0 + seq * CHUNK_MS,
            audio=b"",
        )
        if listener.accepts(audio, CHUNK_MS):
            played.append(seq)
        await asyncio.sleep(CHUNK_MS / 1000 / rate)
    return played


def test_a_slow_connection_is_left_within_four_seconds() -> None:
    async def main(loop: VirtualLoop) -> float:
        listener, link = _catching_up(loop), Link(delay_s=30)
        playing = asyncio.create_task(_play(listener, 0.1, 30))
        with pytest.raises(FellBehindError, match="too slow"):
            await listener.watch(link)
        playing.cancel()
        assert listener.counts.restarts == 1
        return loop.time()

    assert run_virtually(main) <= 6


def test_a_speaker_whose_network_is_slow_costs_a_heartbeat_now_and_then() -> None:
    async def main(loop: VirtualLoop) -> None:
        listener, link = _catching_up(loop), Link(delay_s=0.05)
        watching = asyncio.create_task(listener.watch(link))
        played = await _play(listener, 0.1, 60)
        assert played == list(range(len(played))), "everything is played"
        assert not watching.done()
        assert 1 <= len(link.heartbeats) <= 12
        watching.cancel()

    run_virtually(main)


def test_a_live_connection_is_not_asked() -> None:
    async def main(loop: VirtualLoop) -> None:
        listener, link = _catching_up(loop), Link()
        watching = asyncio.create_task(listener.watch(link))
        await _play(listener, 1.0, 60)
        assert link.heartbeats == []
        watching.cancel()

    run_virtually(main)


def test_a_connection_that_is_lost_meanwhile_is_no_slow_one() -> None:
    async def main(loop: VirtualLoop) -> None:
        listener, link = _catching_up(loop), Link(fault=ConnectionLostError("gone"))
        watching = asyncio.create_task(listener.watch(link))
        await _play(listener, 0.1, 20)
        assert not watching.done()
        watching.cancel()

    run_virtually(main)


def test_a_client_that_does_not_come_back_is_left_alone() -> None:
    async def main(loop: VirtualLoop) -> None:
        listener, link = _catching_up(loop, enabled=False), Link(delay_s=30)
        watching = asyncio.create_task(listener.watch(link))
        assert len(await _play(listener, 0.1, 20)) == 10
        assert not watching.done()
        watching.cancel()

    run_virtually(main)


def test_what_is_too_old_is_not_played_while_the_next_start_has_to_wait() -> None:
    async def main(loop: VirtualLoop) -> None:
        listener = _catching_up(loop)
        for _ in range(6):
            listener.reset()
            playing = asyncio.create_task(_play(listener, 0.1, 120))
            with pytest.raises(FellBehindError):
                await listener.watch(Link(delay_s=30))
            playing.cancel()
        assert listener.counts.skipped > 0
        assert listener.counts.restarts == 6
        # 10, 20, 40, 60 and 60 s between them.
        assert 150 <= loop.time() <= 210

    run_virtually(main)


def test_a_connection_that_is_live_again_when_its_turn_comes_is_kept() -> None:
    async def main(loop: VirtualLoop) -> None:
        listener, slow = _catching_up(loop), Link(delay_s=2)

        def heard(seq: int) -> bool:
            chunk = Audio(
                session_id="golden-eagle-427",
                language="en",
                epoch=1,
                seq=seq,
                timestamp=T0 + seq * CHUNK_MS,
                audio=b"",
            )
            return listener.accepts(chunk, CHUNK_MS)

        for again in (False, True):
            listener.reset()
            watching = asyncio.create_task(listener.watch(slow))
            heard(0)
            await asyncio.sleep(4)
            heard(1)  # 3.8 s late
            await asyncio.sleep(2)
            if not again:
                with pytest.raises(FellBehindError):
                    watching.result()
        assert not watching.done()  # it waits for ten seconds after the last start
        for seq in range(30, 180):
            assert heard(seq)
            await asyncio.sleep(CHUNK_MS / 1000)
        assert not watching.done()
        assert listener.counts.restarts == 1
        watching.cancel()

    run_virtually(main)


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=2, max_size=40))
def test_starts_are_bounded_however_often_it_falls_behind(behind_after: list[float]) -> None:
    restarts, now, times = RestartBackoff(), 0.0, list[float]()
    for seconds in behind_after:
        now += seconds
        now += restarts.wait_seconds(now)
        restarts.restarted(now)
        times.append(now)
    assert restarts.count == len(times)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(gap >= 10 - 1e-6 for gap in gaps)


def test_after_a_steady_time_the_next_start_does_not_wait() -> None:
    restarts = RestartBackoff()
    restarts.restarted(0)
    assert restarts.wait_seconds(3) == 7
    assert restarts.wait_seconds(20) == 0


def test_the_limit_is_what_the_documents_say() -> None:
    assert LIMIT_MS == 2_000
