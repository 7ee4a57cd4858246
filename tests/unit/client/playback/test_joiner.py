"""ChunkJoiner: nothing is lost, and only consecutive sound is joined."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client.playback.capture import Captured
from client.playback.joiner import ChunkJoiner
from tests.unit.client.support import FORMAT, T0


def captured(number: int, late_ms: int = 0) -> Captured:
    at = number * 200 + late_ms
    return Captured(number, T0 + at, bytes([number % 256]), at / 1000 + 0.2)


@given(st.lists(st.sampled_from([None, 200, 399, 400, 600, 5_000]), max_size=60))
def test_every_chunk_is_sent_once_and_in_order(hints: list[int | None]) -> None:
    joiner, joined = ChunkJoiner(FORMAT), list[Captured]()
    for number, hint in enumerate(hints):
        if hint is not None:
            joiner.set_chunk_ms(hint)
        joined += joiner.add(captured(number))
    joined += joiner.flush()
    assert joiner.flush() == []
    assert [chunk.seq for chunk in joined] == list(range(len(joined)))
    assert b"".join(chunk.audio for chunk in joined) == bytes(range(len(hints)))
    number = 0
    for chunk in joined:
        assert chunk.parts == len(chunk.audio) <= 3
        assert chunk.timestamp == captured(number).timestamp
        number += chunk.parts
        assert chunk.complete_at == captured(number - 1).complete_at


def test_sound_after_a_stall_of_the_source_begins_a_new_chunk() -> None:
    joiner = ChunkJoiner(FORMAT)
    joiner.set_chunk_ms(600)
    assert joiner.add(captured(0)) == []
    (before,) = joiner.add(captured(1, late_ms=5_000))
    assert (before.timestamp, before.parts) == (T0, 1)
    assert joiner.add(captured(2, late_ms=5_000)) == []
    (after,) = joiner.add(captured(3, late_ms=5_000))
    assert (after.timestamp, after.parts) == (T0 + 5_200, 3)
