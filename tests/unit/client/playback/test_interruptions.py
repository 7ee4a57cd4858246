"""What was missed while a listener was disconnected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client.playback.interruptions import InterruptionCounts, InterruptionTracker
from client.playback.playout import Playout
from client.protocol.events import AudioReceived, Interruption
from shared.protocol.messages import Audio
from tests.unit.client.support import FORMAT, T0, Loudspeaker, audio


def _interrupted(*heard: Audio, recovered: bool = False) -> InterruptionTracker:
    tracker = InterruptionTracker(200)
    for chunk in heard:
        tracker.received(chunk)
    tracker.lost(1_000)
    tracker.reconnected(recovered=recovered)
    return tracker


def test_the_numbers_tell_how_much_is_missing() -> None:
    tracker = _interrupted(audio(6), audio(5))
    tracker.playing(audio(6), 1_100)  # received before the loss
    assert tracker.take_ended() == []
    tracker.playing(audio(10), 2_000)
    tracker.playing(audio(11), 2_200)
    assert tracker.take_ended() == [Interruption(3, 600)]
    assert tracker.take_ended() == []
    assert tracker.counts == InterruptionCounts(1, 0, 3, 600)


def test_the_next_number_means_that_nothing_is_missing() -> None:
    tracker = _interrupted(audio(6))
    tracker.playing(audio(7), 2_000)
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


def test_a_straggler_of_an_older_epoch_ends_no_interruption() -> None:
    tracker = _interrupted(audio(6, epoch=2))
    tracker.playing(audio(90, epoch=1), 2_000)
    assert tracker.take_ended() == []


def test_a_listener_that_had_heard_nothing_may_have_missed_all() -> None:
    tracker = _interrupted()
    tracker.playing(audio(6), 1_500)
    assert tracker.take_ended() == [Interruption(None, 500)]


def test_a_second_loss_before_any_audio_extends_the_interruption() -> None:
    tracker = _interrupted(audio(6))
    tracker.lost(3_000)
    tracker.playing(audio(8), 3_100)  # not connected
    tracker.reconnected(recovered=True)  # since the second connection, not since chunk 6
    assert tracker.take_ended() == []
    tracker.playing(audio(9), 5_000)
    assert tracker.take_ended() == [Interruption(2, 400)]


def test_the_end_of_the_session_ends_an_interruption() -> None:
    tracker = _interrupted(audio(6))
    tracker.finish(4_000)
    tracker.finish(9_000)
    assert tracker.take_ended() == [Interruption(None, 3_000)]


def test_without_an_interruption_there_is_nothing_to_report() -> None:
    tracker = InterruptionTracker(200)
    tracker.reconnected(recovered=True)
    tracker.received(audio(1))
    tracker.playing(audio(1), 100)
    tracker.playing(audio(5), 900)
    tracker.finish(1_000)
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
    heard_after = [6 + missing + number for number in after]
    for number in before:
        playout.push(AudioReceived(audio(number), T0 + 1_200))
    playout.interruptions.lost(T0 + 1_200)
    playout.interruptions.reconnected(recovered=False)
    for number in [*heard_after, *(6 + missing + copy for copy in copies)]:
        playout.push(AudioReceived(audio(number), T0 + 4_000))
    playout.finish()
    chunks = [number for number in speaker.played if number >= 0]
    assert chunks == sorted({*before, *heard_after})
    assert playout.interruptions.take_ended() == [Interruption(missing, missing * 200)]
    assert playout.stats().interruptions.recovered == (missing == 0)
