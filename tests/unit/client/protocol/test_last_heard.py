"""The position that a listener reports when it rejoins."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from client.protocol.last_heard import HeardPositions
from client.protocol.session_state import SessionState
from shared.models.broadcast_state import BroadcastState
from shared.models.recovery import LastHeard
from tests.unit.client.support import FORMAT, T0, audio

LISTENER = SessionState(
    session_id="golden-eagle-427",
    role="listener",
    source_language="en",
    target_language="es",
    audio_format=FORMAT,
    broadcast_state=BroadcastState(),
    connection_expires_at=T0,
    resume_token="secret",
)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20)), min_size=1))
def test_the_position_is_the_newest_chunk_in_any_order(chunks: list[tuple[int, int]]) -> None:
    positions = HeardPositions()
    for epoch, seq in chunks:
        positions.received(audio(seq, epoch))
    epoch, seq = max(chunks)
    assert positions.last(LISTENER, T0) == LastHeard(language="en", epoch=epoch, seq=seq, at=T0)


def test_each_language_has_a_position() -> None:
    positions = HeardPositions()
    positions.received(audio(3, epoch=2, language="es"))
    positions.received(audio(9))
    interpreted = replace(LISTENER, channel_source="human")
    assert positions.last(interpreted, None) == LastHeard(language="es", epoch=2, seq=3)
    assert positions.last(LISTENER, None) == LastHeard(language="en", epoch=1, seq=9)


def test_without_audio_there_is_no_position() -> None:
    positions = HeardPositions()
    assert positions.last(LISTENER, T0) is None
    positions.received(audio(3, language="es"))
    assert positions.last(LISTENER, T0) is None, "not of what it hears now"


def test_another_session_has_other_positions() -> None:
    positions = HeardPositions()
    positions.received(audio(3))
    assert positions.last(replace(LISTENER, session_id="calm-otter-001"), T0) is None


def test_only_listeners_report_a_position() -> None:
    positions = HeardPositions()
    positions.received(audio(3))
    assert positions.last(replace(LISTENER, role="interpreter"), T0) is None


def test_after_a_gap_a_later_acknowledgement_vouches_for_nothing() -> None:
    positions = HeardPositions()
    positions.received(audio(3))
    positions.rejoined(recovered=True)
    assert positions.last(LISTENER, T0) == LastHeard(language="en", epoch=1, seq=3, at=T0)
    positions.rejoined(recovered=False)
    positions.rejoined(recovered=True)
    assert positions.last(LISTENER, T0) == LastHeard(language="en", epoch=1, seq=3)
    positions.received(audio(8))
    assert positions.last(LISTENER, T0) == LastHeard(language="en", epoch=1, seq=8, at=T0)
