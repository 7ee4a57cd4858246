"""The speaker's presence, whichever of audio and messages arrives first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client.protocol.core import SessionCore
from client.protocol.events import Notification
from client.protocol.floor import Floor
from shared.protocol.message_base import ServerMessage, encode
from shared.protocol.messages import Audio, JoinSession, SpeakerDisconnected, SpeakerReconnected
from tests.unit.client.support import JOINED, audio

LEFT = Floor().audio_received(1, 0).disconnected(1_000)


def test_a_chunk_of_the_lost_connection_does_not_bring_the_speaker_back() -> None:
    assert not LEFT.audio_received(1, 1_500).connected


def test_a_chunk_of_a_newer_epoch_brings_the_speaker_back() -> None:
    assert LEFT.audio_received(2, 1_001).connected


def test_audio_after_the_straggler_time_brings_the_speaker_back() -> None:
    late_news = Floor().audio_received(1, 0).audio_received(2, 900).disconnected(1_000)
    assert not late_news.audio_received(2, 2_900).connected
    assert late_news.audio_received(2, 3_100).connected


def test_a_client_that_joined_during_the_absence_knows_no_epoch() -> None:
    assert Floor(connected=False).audio_received(7, 10).connected


@pytest.mark.parametrize(
    ("floor", "known"),
    [
        (LEFT.audio_received(2, 1_001), True),
        (LEFT, False),
        (LEFT.reconnected(), False),
        (LEFT.audio_received(2, 1_001).disconnected(5_000), False),
    ],
)
def test_a_return_shown_by_audio_counts_as_reported(floor: Floor, known: bool) -> None:
    assert floor.has_reported(2) is known


def test_a_chunk_of_the_known_epoch_changes_nothing() -> None:
    floor = Floor().audio_received(1, 0)
    assert floor.audio_received(1, 200) is floor


SESSION = "golden-eagle-427"


def _listening(**changes: Any) -> SessionCore:
    core = SessionCore()
    request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
    core.receive(json.dumps({**JOINED, **changes, "requestId": request_id}), 0)
    return core


def _away(core: SessionCore) -> None:
    away = {"type": "speakerDisconnected", "sessionId": SESSION, "graceSeconds": 60}
    assert _news(core, away, 1_000) == [SpeakerDisconnected(session_id=SESSION, grace_seconds=60)]
    assert not _connected(core)


def _connected(core: SessionCore) -> bool:
    assert core.state is not None
    return core.state.speaker_connected


def _news(core: SessionCore, message: dict[str, Any] | Audio, at: float) -> list[ServerMessage]:
    frame = encode(message) if isinstance(message, Audio) else json.dumps(message)
    return [event.message for event in core.receive(frame, at) if isinstance(event, Notification)]


BACK = {"type": "speakerReconnected", "sessionId": SESSION, "epoch": 2}


def test_a_loss_and_a_return_are_reported() -> None:
    core = _listening()
    _away(core)
    assert _news(core, BACK, 2_000) == [SpeakerReconnected(session_id=SESSION, epoch=2)]
    assert _connected(core)


def test_the_first_chunk_reports_the_return_once() -> None:
    core = _listening()
    assert _news(core, audio(5, epoch=1), 900) == []
    _away(core)
    assert _news(core, audio(6, epoch=1), 1_100) == []
    assert _news(core, audio(40, epoch=2), 1_200) == [
        SpeakerReconnected(session_id=SESSION, epoch=2)
    ]
    assert _connected(core)
    assert _news(core, audio(41, epoch=2), 1_400) == []
    assert _news(core, BACK, 1_500) == []


def test_a_floor_that_is_taken_over_without_a_loss_is_told_after_its_sound_too() -> None:
    core = _listening()
    _news(core, audio(5, epoch=2), 900)
    assert len(_news(core, BACK, 1_000)) == 1


def test_a_client_that_joins_during_the_absence_knows_of_it() -> None:
    core = _listening(speakerConnected=False)
    assert not _connected(core)
    assert len(_news(core, audio(3, epoch=4), 10)) == 1
    assert _connected(core)
