"""Pauses and volume at a receiver: the newest state wins, and a pause is no loss."""

from __future__ import annotations

import pytest

from client.playback.playout import Playout
from client.protocol.events import AudioReceived
from shared.models.broadcast_state import BroadcastState
from tests.unit.client.support import FORMAT, T0, Loudspeaker, audio

ON = BroadcastState(last_state_change=3)
PAUSED = BroadcastState(is_paused=True, last_state_change=2)
MUTED = BroadcastState(is_muted=True, last_state_change=2)


def play(*arrivals: int | BroadcastState) -> tuple[list[float], tuple[int, int, int]]:
    """The sink's input, and the chunks played, lost and withheld, by order of arrival."""
    loudspeaker = Loudspeaker()
    playout = Playout(FORMAT, loudspeaker, playout_delay_ms=5_000)
    for arrival in arrivals:
        if isinstance(arrival, int):
            playout.push(AudioReceived(audio(arrival), T0 + 5_000))
        else:
            playout.apply(arrival)
    playout.finish()
    counts = playout.stats().counts
    return loudspeaker.played, (counts.played, counts.gap_chunks, counts.withheld)


@pytest.mark.parametrize("silence", [PAUSED, MUTED])
@pytest.mark.parametrize(
    "order",
    [
        pytest.param((1, "off", "on", 5, 6), id="news in step with the sound"),
        pytest.param((1, "off", 2, "on", 5, 6), id="a chunk was under way"),
        pytest.param((1, "off", 5, "on", 6), id="sound before the news of its return"),
        pytest.param((1, "off", "on", 6, 5), id="sound out of order"),
        pytest.param((1, "off", "off", "on", 5), id="told twice"),
    ],
)
def test_chunks_withheld_during_a_pause_are_not_lost(
    order: tuple[str | int, ...], silence: BroadcastState
) -> None:
    states = {"off": silence, "on": ON}

    sounds, (played, lost, withheld) = play(
        *(step if isinstance(step, int) else states[step] for step in order)
    )

    chunks = [step for step in order if isinstance(step, int)]
    missing = max(chunks) - min(chunks) + 1 - len(chunks)
    assert (played, lost, withheld) == (len(chunks), 0, missing)
    assert -200 * missing in sounds, "the silence lasts as long as it did"


def test_chunks_that_are_lost_before_or_after_a_silence_are_lost() -> None:
    _, counts = play(1, 3, PAUSED, ON, 6, 8)

    assert counts == (4, 2, 2)


def test_a_change_of_volume_explains_no_gap() -> None:
    _, counts = play(1, BroadcastState(volume=0.5, last_state_change=2), 4)

    assert counts == (2, 2, 0)


def test_a_silence_that_began_before_the_first_chunk() -> None:
    _, counts = play(PAUSED, ON, 5, 6)

    assert counts == (2, 0, 0)


def test_the_newest_volume_is_played_at() -> None:
    loudspeaker = Loudspeaker()
    playout = Playout(FORMAT, loudspeaker)
    playout.push(AudioReceived(audio(100), T0))
    playout.apply(BroadcastState(volume=0.5, last_state_change=1))
    playout.finish()
    playout.apply(BroadcastState(volume=0, last_state_change=2))
    playout.push(AudioReceived(audio(101), T0))
    playout.finish()

    assert loudspeaker.played == [50, 0]


def test_another_language_has_numbers_of_its_own() -> None:
    playout = Playout(FORMAT, Loudspeaker(), playout_delay_ms=5_000)
    playout.push(AudioReceived(audio(1), T0 + 5_000))
    playout.apply(PAUSED)
    playout.apply(ON)
    for seq in (1, 5):
        playout.push(AudioReceived(audio(seq, language="es"), T0 + 5_000))
    playout.finish()

    counts = playout.stats().counts
    assert (counts.gap_chunks, counts.withheld) == (3, 0)
