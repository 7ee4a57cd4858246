"""The jitter buffer: order, delay, gaps, late chunks and epochs."""

from __future__ import annotations

from client.playback.jitter import ChunkOutcome, Gap, JitterBuffer, Played, PlayoutEvent
from tests.unit.client.support import FORMAT, T0, audio


def _numbers(events: list[PlayoutEvent]) -> list[int | tuple[int, int]]:
    return [
        (event.first, event.last) if isinstance(event, Gap) else event.audio.seq for event in events
    ]


def _complete_at(seq: int) -> int:
    """When chunk `seq` is fully captured: the earliest that it can arrive."""
    return T0 + 200 * (seq + 1)


def test_a_chunk_is_played_at_its_end_plus_the_delay() -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    buffer.push(audio(0), _complete_at(0) + 30)
    assert buffer.next_due_ms == _complete_at(0) + 400
    assert buffer.pop(_complete_at(0) + 399) == []
    (event,) = buffer.pop(_complete_at(0) + 400)
    assert isinstance(event, Played)
    assert (event.audio, event.latency_ms) == (audio(0), 30)
    assert buffer.next_due_ms is None


def test_chunks_come_out_in_order() -> None:
    buffer = JitterBuffer(FORMAT)
    for seq in (1, 2, 0):
        buffer.push(audio(seq), _complete_at(2))
    assert _numbers(buffer.pop(_complete_at(2) + 400)) == [0, 1, 2]


def test_a_duplicate_is_dropped_before_and_after_playing() -> None:
    buffer = JitterBuffer(FORMAT)
    buffer.push(audio(0), _complete_at(0))
    assert buffer.push(audio(0), _complete_at(0)) is ChunkOutcome.DUPLICATE
    assert _numbers(buffer.pop(_complete_at(0) + 400)) == [0]
    assert buffer.push(audio(0), _complete_at(0) + 401) is ChunkOutcome.DUPLICATE
    assert (buffer.counts.received, buffer.counts.duplicate) == (1, 2)


def test_a_skip_is_one_gap_right_before_the_next_chunk() -> None:
    buffer = JitterBuffer(FORMAT)
    for seq in (0, 4):
        buffer.push(audio(seq), _complete_at(seq))
    assert _numbers(buffer.flush()) == [0, (1, 3), 4]
    assert (buffer.counts.gaps, buffer.counts.gap_chunks) == (1, 3)


def test_a_gap_tells_whether_sound_was_captured_meanwhile() -> None:
    lost, restarted = JitterBuffer(FORMAT), JitterBuffer(FORMAT)
    for buffer, timestamp in ((lost, T0 + 600), (restarted, T0 + 9_000)):
        buffer.push(audio(0), _complete_at(0))
        buffer.push(audio(3, timestamp=timestamp), timestamp + 200)
    assert lost.flush()[1] == Gap(1, 1, 2, captured_ms=400, continuous=True, chunk_ms=200)
    assert restarted.flush()[1] == Gap(1, 1, 2, captured_ms=8_800, continuous=False, chunk_ms=200)


def test_joining_in_the_middle_is_no_gap() -> None:
    buffer = JitterBuffer(FORMAT)
    buffer.push(audio(70), _complete_at(70))
    assert _numbers(buffer.flush()) == [70]


def test_a_chunk_after_its_playout_time_is_late() -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    buffer.push(audio(0), _complete_at(0))
    assert buffer.push(audio(1), _complete_at(1) + 401) is ChunkOutcome.LATE
    buffer.push(audio(2), _complete_at(2) + 300)
    assert _numbers(buffer.flush()) == [0, (1, 1), 2]
    assert (buffer.counts.late, buffer.counts.received) == (1, 3)


def test_a_chunk_after_a_later_one_was_played_is_late() -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    buffer.push(audio(5), _complete_at(5))
    buffer.pop(_complete_at(5) + 400)
    assert buffer.push(audio(4), _complete_at(5) + 400) is ChunkOutcome.LATE
    assert buffer.flush() == []


def test_a_late_end_is_a_gap_once_nothing_more_comes() -> None:
    buffer = JitterBuffer(FORMAT)
    buffer.push(audio(0), _complete_at(0))
    buffer.push(audio(2), _complete_at(2) + 5_000)
    assert buffer.flush() == [
        Played(audio(0), _complete_at(0) + 400, 0),
        Gap(1, 1, 2, captured_ms=None, continuous=True, chunk_ms=200),
    ]
    assert buffer.flush() == []


def test_a_new_epoch_may_start_anywhere() -> None:
    buffer = JitterBuffer(FORMAT)
    buffer.push(audio(9, epoch=1), _complete_at(9))
    buffer.push(audio(50, epoch=2, timestamp=T0 + 2_000), T0 + 2_200)
    assert _numbers(buffer.flush()) == [9, 50]
    assert buffer.counts.gaps == 0


def test_an_older_epoch_is_heard_for_two_seconds_after_the_change() -> None:
    buffer = JitterBuffer(FORMAT)
    change = _complete_at(10)
    buffer.push(audio(10, epoch=2), change)
    assert buffer.push(audio(9, epoch=1), change + 399) is ChunkOutcome.ACCEPTED
    assert buffer.push(audio(8, epoch=1), change + 2_000) is ChunkOutcome.SUPERSEDED
    assert _numbers(buffer.flush()) == [9, 10]
    assert buffer.counts.superseded == 1


def test_each_older_epoch_counts_from_its_own_change() -> None:
    buffer = JitterBuffer(FORMAT)
    buffer.push(audio(0, epoch=2), T0 + 200)
    buffer.push(audio(50, epoch=3), T0 + 10_200)
    assert buffer.push(audio(49, epoch=2), T0 + 10_300) is ChunkOutcome.ACCEPTED
    assert buffer.push(audio(48, epoch=1), T0 + 10_300) is ChunkOutcome.SUPERSEDED


def test_a_slow_clock_of_the_sender_is_anchored_on_the_fastest_chunk() -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    buffer.push(audio(0), _complete_at(0) + 3_600_050)  # its clock is an hour behind
    buffer.push(audio(1), _complete_at(1) + 3_600_000)
    buffer.push(audio(2), _complete_at(2) + 3_600_390)
    assert buffer.counts.late == 0
    assert buffer.next_due_ms == _complete_at(0) + 3_600_000 + 400


def test_a_clock_that_is_far_ahead_is_anchored_too() -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    buffer.push(audio(0), _complete_at(0) - 3_600_000)
    assert buffer.next_due_ms == _complete_at(0) - 3_600_000 + 400


def test_a_slow_first_chunk_is_forgiven_once_faster_ones_come() -> None:
    """A cold start of the service: chunk 0 takes 900 ms, chunk 3 only 50 ms."""
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    for seq, latency in enumerate((900, 700, 500, 50)):
        buffer.push(audio(seq), _complete_at(seq) + latency)
    assert _numbers(buffer.pop(_complete_at(2) + 500)) == [0, 1, 2]
    assert buffer.next_due_ms == _complete_at(3) + 400
    assert buffer.counts.late == 0


def test_a_network_that_became_slow_for_good_is_followed_after_a_while() -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    verdicts = []
    for seq in range(120):
        latency = 20 if seq < 10 else 600
        verdicts.append(buffer.push(audio(seq), _complete_at(seq) + latency))
    assert verdicts[10] is ChunkOutcome.LATE
    assert verdicts[-1] is ChunkOutcome.ACCEPTED


def test_a_clock_that_was_set_back_does_not_block_what_follows() -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=400)
    buffer.push(audio(0, timestamp=T0 + 900), T0 + 250)
    buffer.push(audio(1, timestamp=T0 + 60), T0 + 300)
    assert _numbers(buffer.pop(T0 + 660)) == [0, 1]


def test_a_full_buffer_gives_up_its_oldest_chunk() -> None:
    buffer = JitterBuffer(FORMAT, capacity=3)
    for seq in range(5):
        buffer.push(audio(seq), _complete_at(0))
    assert buffer.counts.dropped == 2
    assert _numbers(buffer.flush()) == [2, 3, 4]


def test_what_is_remembered_of_former_epochs_is_bounded() -> None:
    buffer = JitterBuffer(FORMAT)
    for epoch in range(500):
        at = T0 + 3_000 * epoch
        buffer.push(audio(0, epoch=epoch, timestamp=at), at + 200)
        buffer.pop(at + 700)
    assert len(buffer._epochs) <= 3
    assert len(buffer._changes) <= 2


def test_latency_is_measured_by_the_rule_for_every_chunk_received() -> None:
    buffer = JitterBuffer(FORMAT)
    for seq, latency in enumerate((10, 20, 999)):
        buffer.push(audio(seq), _complete_at(seq) + latency)
    buffer.push(audio(2), _complete_at(2) + 5_000)  # a duplicate proves nothing
    summary = buffer.latencies.summary()
    assert summary is not None
    assert (summary.count, summary.p50, summary.p99) == (3, 20, 999)


def test_a_shorter_last_chunk_is_measured_by_its_own_duration() -> None:
    buffer = JitterBuffer(FORMAT)
    buffer.push(audio(0, size=320), T0 + 10 + 5)
    summary = buffer.latencies.summary()
    assert summary is not None
    assert summary.maximum == 5
