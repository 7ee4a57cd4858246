"""Reordering and history of floor chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engine import FloorChunk
from interpreter.loudness import loudness
from interpreter.machine.floor import FloorHistory, ReorderBuffer
from shared.models.audio_format import AudioFormat
from tests.unit.client.support import audio

PATIENCE_MS = 200
FORMAT = AudioFormat()

# Arriving chunks: epoch, sequence number, and ms after the previous arrival.
arrivals = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 40), st.integers(0, 120)), max_size=80
)


def _heard(order: ReorderBuffer, arriving: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    heard, now = [], 0
    for epoch, seq, later in arriving:
        now += later
        order.push(audio(seq, epoch), now)
        heard += [(chunk.epoch, chunk.seq) for chunk in order.pop(now)]
    heard += [(chunk.epoch, chunk.seq) for chunk in order.pop(now + PATIENCE_MS)]
    return heard


@given(arrivals)
def test_chunks_come_out_in_order_without_duplicates(arriving: list[tuple[int, int, int]]) -> None:
    heard = _heard(ReorderBuffer(PATIENCE_MS), arriving)
    assert heard == sorted(set(heard))
    assert set(heard) <= {(epoch, seq) for epoch, seq, _ in arriving}


@given(arrivals)
def test_no_chunk_waits_longer_than_the_patience(arriving: list[tuple[int, int, int]]) -> None:
    order, now = ReorderBuffer(PATIENCE_MS), 0
    for epoch, seq, later in arriving:
        now += later
        order.push(audio(seq, epoch), now)
        order.pop(now)
        assert order.next_due_ms is None or now < order.next_due_ms <= now + PATIENCE_MS


@given(st.sets(st.integers(1, 59)))
def test_swapped_neighbours_are_not_lost(lost: set[int]) -> None:
    order = ReorderBuffer(PATIENCE_MS)
    sent = [seq for seq in range(60) if seq not in lost]
    pairs = list(zip(sent[1::2], sent[2::2], strict=False))
    heard, now = [], 0.0
    order.push(audio(0), now)
    for earlier, later in pairs:
        for seq in (later, earlier):
            order.push(audio(seq), now)
        heard += order.pop(now)
        now += PATIENCE_MS
    heard += order.pop(now)
    assert [chunk.seq for chunk in heard] == [0, *(seq for pair in pairs for seq in pair)]


def test_chunks_in_sequence_are_released_at_once() -> None:
    order = ReorderBuffer(PATIENCE_MS)
    for seq in range(5):
        order.push(audio(seq), seq)
        assert [chunk.seq for chunk in order.pop(seq)] == [seq]
    assert order.missing == 0


def test_a_chunk_after_a_gap_waits_for_the_missing_ones() -> None:
    order = ReorderBuffer(PATIENCE_MS)
    order.push(audio(0), 0)
    order.pop(0)
    order.push(audio(3), 100)
    assert order.pop(299) == []
    assert [chunk.seq for chunk in order.pop(300)] == [3]
    assert order.missing == 2


def test_a_newer_epoch_ends_the_previous_one() -> None:
    order = ReorderBuffer(PATIENCE_MS)
    for seq, epoch in ((0, 1), (2, 1), (7, 2)):
        order.push(audio(seq, epoch), 0)
    assert [(chunk.epoch, chunk.seq) for chunk in order.pop(0)] == [(1, 0), (1, 2), (2, 7)]
    order.push(audio(3, 1), 1)
    assert order.pop(1_000) == []


@given(st.integers(0, 40), st.integers(-500, 9_000))
def test_history_is_cut_to_the_sample(chunks: int, since: int) -> None:
    recent = FloorHistory(FORMAT, 4_000)
    for index in range(chunks):
        recent.add(FloorChunk(index * 200, bytes([index]) * FORMAT.chunk_bytes))
    kept = list(recent.since(since))
    end = chunks * 200
    begin = max(since, end - 4_000, 0)
    assert sum(FORMAT.duration_ms(len(chunk.pcm)) for chunk in kept) == max(end - begin, 0)
    assert [chunk.timestamp for chunk in kept][:1] == ([begin] if end > begin else [])
    assert recent.end == (end if chunks else None)


def test_history_is_dropped_when_the_clock_steps_back() -> None:
    recent = FloorHistory(FORMAT, 4_000)
    for timestamp in (10_000_000, 10_000_200, 1_000, 1_200):
        recent.add(FloorChunk(timestamp, bytes(FORMAT.chunk_bytes)))
    assert [chunk.timestamp for chunk in recent.since(0)] == [1_000, 1_200]
    assert recent.end == 1_400


def test_loudness_is_the_root_mean_square() -> None:
    assert loudness(b"") == 0
    assert loudness(bytes(640)) == 0
    assert loudness(b"\x00\x20" * 320) == pytest.approx(8_192)
