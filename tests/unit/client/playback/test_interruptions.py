"""What was missed while a listener was disconnected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client.playback.interruptions import InterruptionCounts, InterruptionTracker
from client.playback.playout import Playout
from client.protocol.events import AudioReceived, Interruption
from shared.protocol.messages import Audio
from tests.unit.client.support import FORMAT, T0, Loudspeaker, audio

CHUNK_MS = FORMAT.chunk_ms
# Times of the last chunk, the loss and the return.
RECEIVED, LOST, RETURNED = 1_000, 1_300, 2_000


def _interrupted(*heard: Audio, recovered: bool = False) -> InterruptionTracker:
    tracker = InterruptionTracker(CHUNK_MS)
    for chunk in heard:
        tracker.received(chunk, RECEIVED)
    tracker.lost(LOST)
    tracker.reconnected(RETURNED, recovered=recovered)
    return tracker


def test_the_numbers_tell_how_much_is_missing() -> None:
    tracker = _interrupted(audio(6), audio(5))
    tracker.playing(audio(6), 2_100)  # received before the loss
    assert tracker.take_ended() == []
    tracker.playing(audio(10), 2_300)
    tracker.playing(audio(11), 2_500)
    assert tracker.take_ended() == [Interruption(3, 600)]
    assert tracker.take_ended() == []
    assert tracker.counts == InterruptionCounts(1, 0, 3, 600)


def test_the_next_number_means_that_nothing_is_missing() -> None:
    tracker = _interrupted(audio(6))
    tracker.playing(audio(7), 60_000)  # a machine may be silent for long
    (interruption,) = tracker.take_ended()
    assert interruption.recovered
    assert tracker.counts == InterruptionCounts(1, 1, 0, 0)


def test_what_the_service_vouches_for_is_known_at_once() -> None:
    tracker = _interrupted(audio(6), recovered=True)
    assert tracker.take_ended() == [Interruption(0, 0)]
    tracker.playing(audio(90), 60_000)  # numbers of a pause are skipped
    assert tracker.counts == InterruptionCounts(1, 1, 0, 0)


def test_another_source_leaves_only_an_upper_bound() -> None:
    for other in (audio(0, epoch=2), audio(7, language="es")):
        tracker = _interrupted(audio(6))
        tracker.playing(other, 3_500)
        assert tracker.take_ended() == [Interruption(None, 2_500)]


def test_numbers_of_a_pause_are_not_counted_as_missing() -> None:
    tracker = _interrupted(audio(6))
    tracker.playing(audio(3_000), 600_000)
    # From the last chunk to two seconds after the return.
    assert tracker.take_ended() == [Interruption(None, 3_000)]


def test_a_chunk_that_was_late_before_the_loss_does_not_hide_the_number() -> None:
    tracker = _interrupted(audio(6))
    tracker.playing(audio(22), 2_100)  # 3 s in 1.1 s: chunk 6 was 2 s late
    assert tracker.take_ended() == [Interruption(15, 3_000)]


def test_a_straggler_of_an_older_epoch_ends_no_interruption() -> None:
    tracker = _interrupted(audio(6, epoch=2))
    tracker.playing(audio(90, epoch=1), 2_100)
    assert tracker.take_ended() == []


def test_a_listener_that_had_heard_nothing_may_have_missed_all() -> None:
    tracker = _interrupted()
    tracker.playing(audio(6), 2_500)
    assert tracker.take_ended() == [Interruption(None, 1_200)]


def test_a_second_loss_before_any_audio_extends_the_interruption() -> None:
    tracker = _interrupted(audio(6))
    tracker.lost(3_000)
    tracker.playing(audio(8), 3_100)  # not connected
    tracker.reconnected(4_000, recovered=True)  # since the second connection, not since chunk 6
    assert tracker.take_ended() == []
    tracker.playing(audio(9), 5_000)
    assert tracker.take_ended() == [Interruption(2, 400)]


def test_the_end_of_the_session_ends_an_interruption() -> None:
    tracker = InterruptionTracker(CHUNK_MS)
    tracker.received(audio(6), RECEIVED)
    tracker.lost(LOST)
    tracker.finish(60_000)
    tracker.finish(90_000)
    assert tracker.take_ended() == [Interruption(None, 59_000)]


def test_without_an_interruption_there_is_nothing_to_report() -> None:
    tracker = InterruptionTracker(CHUNK_MS)
    tracker.reconnected(RETURNED, recovered=True)
    tracker.received(audio(1), RECEIVED)
    tracker.playing(audio(1), 2_100)
    tracker.playing(audio(5), 2_900)
    tracker.finish(3_000)
    assert tracker.take_ended() == []


@given(
    before=st.permutations(range(6)),
    missing=st.integers(0, 12),
    after=st.permutations(range(6)),
    copies=st.sets(st.integers(0, 5)),
)
def test_any_order_and_copies_give_the_exact_gap(
    before: list[int], missing: int, after: list[int], copies: set[int]
) -> None:
    """Chunks around the interruption arrive in any order, some of them twice."""
    speaker = Loudspeaker()
    playout = Playout(FORMAT, speaker, playout_delay_ms=10_000)
    first = len(before) + missing
    lost_at = T0 + len(before) * CHUNK_MS
    returned_at = lost_at + missing * CHUNK_MS
    for number in before:
        playout.push(AudioReceived(audio(number), lost_at))
    playout.interruptions.lost(lost_at)
    playout.interruptions.reconnected(returned_at, recovered=False)
    for number in [*after, *copies]:
        playout.push(AudioReceived(audio(first + number), returned_at + 1_200))
    playout.advance(T0 + 60_000)
    chunks = [number for number in speaker.played if number >= 0]
    assert chunks == [*range(len(before)), *range(first, first + len(after))]
    assert playout.interruptions.take_ended() == [Interruption(missing, missing * CHUNK_MS)]
    assert playout.stats().interruptions.recovered == (missing == 0)
