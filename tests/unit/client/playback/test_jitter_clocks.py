"""Clock steps of sender and receiver, and single wrong timestamps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.playback.jitter import Gap, JitterBuffer, Played, PlayoutEvent
from client.playback.playout import Playout
from client.protocol.events import AudioReceived
from shared.models.audio_format import AudioFormat
from tests.unit.client.support import FORMAT, T0, Loudspeaker, audio

DELAY_MS = 400
NETWORK_MS = 30
HOUR_MS = 3_600_000


def play(
    count: int,
    *,
    chunk_ms: int = 200,
    timestamp: Callable[[int], int] = lambda seq: 0,
    transit: Callable[[int], int] = lambda seq: NETWORK_MS,
    receiver: Callable[[int], int] = lambda at: 0,
) -> tuple[JitterBuffer, dict[int, float], list[PlayoutEvent]]:
    """Hear `count` chunks; the functions say how far off a timestamp or the receiver's clock is,
    and how long a chunk travels. Returns when each was played, in real time.
    """
    audio_format = AudioFormat(encoding="opus", chunk_ms=chunk_ms)
    buffer = JitterBuffer(audio_format, DELAY_MS)
    arrivals = sorted(((seq + 1) * chunk_ms + transit(seq), seq) for seq in range(count))
    played: dict[int, float] = {}
    events: list[PlayoutEvent] = []
    end = arrivals[-1][0] + 2_000
    for now in range(0, end, 20):
        clock = T0 + now + receiver(now)
        while arrivals and arrivals[0][0] <= now:
            _, seq = arrivals.pop(0)
            at = T0 + seq * chunk_ms + timestamp(seq)
            buffer.push(audio(seq, timestamp=at, size=2), clock)
        for event in buffer.pop(clock):
            events.append(event)
            if isinstance(event, Played):
                played[event.audio.seq] = now
    return buffer, played, events


def delays(played: dict[int, float], chunk_ms: int = 200) -> dict[int, float]:
    """Time from the end of each chunk's capture to its playout."""
    return {seq: at - (seq + 1) * chunk_ms for seq, at in played.items()}


@pytest.mark.parametrize("step", [-3_000, -1_500, -HOUR_MS, 3_000, HOUR_MS])
def test_a_clock_that_was_set_is_followed_within_a_second(step: int) -> None:
    _, played, _ = play(100, timestamp=lambda seq: step if seq >= 50 else 0)
    missing = [seq for seq in range(100) if seq not in played]
    assert len(missing) * 200 <= 1_000
    assert all(50 <= seq < 55 for seq in missing)
    after = {seq: delay for seq, delay in delays(played).items() if seq >= 55}
    assert all(delay <= DELAY_MS + NETWORK_MS + 40 for delay in after.values())


def test_a_clock_that_was_set_forward_loses_nothing_and_is_no_pause() -> None:
    buffer, played, events = play(100, timestamp=lambda seq: 3_000 if seq >= 50 else 0)
    assert list(played) == list(range(100))
    assert [event.pause_ms for event in events if isinstance(event, Played)] == [0.0] * 100
    assert buffer.counts.late == 0


@pytest.mark.parametrize("step", [-3_000, 3_000])
def test_a_clock_that_is_set_and_set_right_again_costs_a_second_each_time(step: int) -> None:
    _, played, _ = play(150, timestamp=lambda seq: step if 50 <= seq < 100 else 0)
    missing = [seq for seq in range(150) if seq not in played]
    assert all(50 <= seq < 55 or 100 <= seq < 105 for seq in missing)


@pytest.mark.parametrize("wrong", [-HOUR_MS, -3_000, 3_000, HOUR_MS])
def test_a_single_wrong_timestamp_costs_that_chunk_at_most(wrong: int) -> None:
    _, played, _ = play(100, timestamp=lambda seq: wrong if seq in {20, 50, 80} else 0)
    assert {seq for seq in range(100) if seq not in played} <= {20, 50, 80}
    ordinary = {seq: delay for seq, delay in delays(played).items() if seq not in {20, 50, 80}}
    assert set(ordinary.values()) <= {DELAY_MS, DELAY_MS + 20}


def test_a_single_wrong_timestamp_leaves_no_long_silence() -> None:
    _, _, events = play(40, timestamp=lambda seq: HOUR_MS if seq == 20 else 0)
    assert sum(event.pause_ms for event in events if isinstance(event, Played)) <= 200


@pytest.mark.parametrize("slow_by", [1_000, 3_000, 8_000])
def test_a_burst_after_a_stall_is_no_step(slow_by: int) -> None:
    """After a stall the delayed chunks arrive at once; later chunks are as fast as before."""
    stall_ends = 50 * 200 + slow_by

    def transit(seq: int) -> int:
        due = (seq + 1) * 200
        return max(NETWORK_MS, stall_ends - due) if seq >= 50 else NETWORK_MS

    _, played, _ = play(150, transit=transit)
    after = {seq: delay for seq, delay in delays(played).items() if seq * 200 >= stall_ends}
    assert len(after) == 150 - -(-stall_ends // 200)
    assert set(after.values()) <= {DELAY_MS, DELAY_MS + 20}


def test_a_network_that_became_slow_is_followed_within_a_second() -> None:
    _, played, _ = play(60, transit=lambda seq: 20 if seq < 10 else 600)
    assert [seq for seq in range(60) if seq not in played] == [10, 11, 12]


def test_jitter_that_is_often_too_large_is_no_step() -> None:
    """One chunk in three is late; the others are played on time."""
    _, played, _ = play(120, transit=lambda seq: 900 if seq % 3 == 0 else 40)
    assert [seq for seq in range(120) if seq not in played] == list(range(0, 120, 3))


@pytest.mark.parametrize("step", [-HOUR_MS, -3_000, 3_000, HOUR_MS])
def test_a_receivers_clock_that_was_set_is_followed_within_a_second(step: int) -> None:
    _, played, _ = play(100, receiver=lambda at: step if at >= 10_000 else 0)
    missing = [seq for seq in range(100) if seq not in played]
    assert all(47 <= seq < 55 for seq in missing)
    assert len(missing) * 200 <= 1_000


@given(
    st.one_of(st.integers(-HOUR_MS, -800), st.integers(800, HOUR_MS)),
    st.sampled_from([100, 200, 400, 1_000]),
    st.lists(st.integers(0, 200), min_size=11, max_size=11),
)
def test_no_plain_step_of_a_clock_costs_more_than_a_second(
    step: int, chunk_ms: int, jitters: list[int]
) -> None:
    _, played, _ = play(
        60,
        chunk_ms=chunk_ms,
        timestamp=lambda seq: step if seq >= 30 else 0,
        transit=lambda seq: jitters[seq % 11],
    )
    missing = [seq for seq in range(60) if seq not in played]
    assert len(missing) * chunk_ms <= max(1_000, chunk_ms)
    assert all((seq - 30) * chunk_ms <= 1_000 for seq in missing)


def test_a_recording_is_as_long_as_what_was_said_when_a_clock_is_set_forward() -> None:
    loudspeaker = Loudspeaker()
    playout = Playout(FORMAT, loudspeaker, DELAY_MS)
    for seq in range(20):
        ahead = 5_000 if seq >= 10 else 0
        arrived = T0 + (seq + 1) * 200 + NETWORK_MS
        playout.advance(arrived)
        playout.push(AudioReceived(audio(seq, timestamp=T0 + seq * 200 + ahead), arrived))
    playout.finish()
    assert loudspeaker.played == list(range(20))


def test_gaps_around_a_step_are_counted_once() -> None:
    buffer, played, events = play(100, timestamp=lambda seq: -3_000 if seq >= 50 else 0)
    gaps = [event for event in events if isinstance(event, Gap)]
    assert sum(gap.chunks for gap in gaps) == 100 - len(played) == buffer.counts.late
