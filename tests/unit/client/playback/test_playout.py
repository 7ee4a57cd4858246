"""Playout into a sink."""

from __future__ import annotations

from client.playback.playout import Playout
from client.protocol.events import AudioReceived
from shared.models.broadcast_state import BroadcastState
from tests.unit.client.support import FORMAT, T0, Loudspeaker, audio


def _playout() -> tuple[Playout, Loudspeaker]:
    speaker = Loudspeaker()
    return Playout(FORMAT, speaker, playout_delay_ms=400), speaker


def test_chunks_and_gaps_are_played_when_due() -> None:
    playout, speaker = _playout()
    for seq in (1, 4, 5):
        playout.push(AudioReceived(audio(seq), T0 + 200 * (seq + 1)))
    assert playout.next_due_ms == T0 + 800
    playout.advance(T0 + 1_400)
    assert speaker.played == [1, -400, 4]
    playout.finish()
    assert speaker.played == [1, -400, 4, 5]


def test_another_language_begins_anew_after_what_had_arrived() -> None:
    playout, speaker = _playout()
    playout.push(AudioReceived(audio(7, epoch=9), T0 + 1_600))
    playout.push(AudioReceived(audio(2, epoch=1, language="es"), T0 + 1_700))
    assert speaker.played == [7]
    playout.finish()
    assert speaker.played == [7, 2]
    stats = playout.stats()
    assert (stats.language, stats.counts.played, stats.counts.gaps) == ("es", 2, 0)
    assert stats.latency is not None
    assert stats.latency.count == 2


def test_the_volume_is_applied() -> None:
    speaker = Loudspeaker()
    playout = Playout(FORMAT, speaker, state=BroadcastState(volume=0.5))
    playout.push(AudioReceived(audio(100), T0))
    playout.finish()
    assert speaker.played == [50]


def test_without_sound_there_is_no_latency() -> None:
    stats = _playout()[0].stats()
    assert (stats.language, stats.counts.received, stats.latency) == (None, 0, None)
