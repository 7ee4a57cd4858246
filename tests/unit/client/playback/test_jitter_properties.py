"""The jitter buffer under any permutation, duplication, loss and delay."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from client.playback.jitter import ChunkOutcome, Gap, JitterBuffer, Played, PlayoutEvent
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio
from tests.unit.client.support import audio

# Opus chunks last chunkMs whatever their size: examples stay short enough to read.
FORMAT = AudioFormat(encoding="opus")


@dataclass(frozen=True)
class Arrival:
    chunk: Audio
    at: int


@st.composite
def arrivals(draw: st.DrawFn) -> list[Arrival]:
    """Chunks of a few epochs, each arriving never, once or more often, after any delay."""
    result = []
    clock = 0
    for epoch in range(1, draw(st.integers(1, 3)) + 1):
        first = draw(st.integers(0, 50))
        skew = draw(st.sampled_from([0, 0, 0, -3_600_000, 3_600_000]))
        for number in range(draw(st.integers(1, 25))):
            clock += 200
            timestamp = 10**9 + clock - 200 + skew
            chunk = audio(first + number, epoch=epoch, timestamp=timestamp, size=2)
            for delay in draw(st.lists(st.integers(0, 3_000), max_size=2)):
                result.append(Arrival(chunk, 10**9 + clock + delay))
    return sorted(result, key=lambda arrival: arrival.at)


def _run(
    schedule: list[Arrival], tick_ms: int, capacity: int
) -> tuple[JitterBuffer, list[ChunkOutcome], list[PlayoutEvent]]:
    buffer = JitterBuffer(FORMAT, capacity=capacity)
    verdicts, events = [], []
    now = schedule[0].at if schedule else 0
    for arrival in schedule:
        while now < arrival.at:
            events += buffer.pop(now)
            now = min(now + tick_ms, arrival.at)
        verdicts.append(buffer.push(arrival.chunk, arrival.at))
    events += buffer.flush()
    return buffer, verdicts, events


@given(arrivals(), st.integers(20, 700), st.sampled_from([4, 300]))
def test_the_account_is_exact(schedule: list[Arrival], tick_ms: int, capacity: int) -> None:
    buffer, verdicts, events = _run(schedule, tick_ms, capacity)
    played = [event.audio for event in events if isinstance(event, Played)]
    keys = [(chunk.epoch, chunk.seq) for chunk in played]
    counts = buffer.counts

    assert keys == sorted(set(keys)), "in order, none twice"
    assert len(played) == counts.played
    assert len(schedule) == counts.received + counts.duplicate + counts.superseded
    assert counts.received == counts.played + counts.late + counts.dropped
    assert counts.late == verdicts.count(ChunkOutcome.LATE)
    assert counts.duplicate == verdicts.count(ChunkOutcome.DUPLICATE)
    assert counts.received == counts.played + counts.late or counts.dropped > 0
    assert buffer.flush() == []
    sent = {(item.chunk.epoch, item.chunk.seq): item.chunk for item in schedule}
    assert all(chunk == sent[chunk.epoch, chunk.seq] for chunk in played), "never changed"


@given(arrivals(), st.integers(20, 700), st.sampled_from([4, 300]))
def test_gaps_and_chunks_together_leave_nothing_out(
    schedule: list[Arrival], tick_ms: int, capacity: int
) -> None:
    _, verdicts, events = _run(schedule, tick_ms, capacity)
    covered: dict[int, list[int]] = {}
    for event in events:
        if isinstance(event, Gap):
            covered.setdefault(event.epoch, []).extend(range(event.first, event.last + 1))
        else:
            covered.setdefault(event.audio.epoch, []).append(event.audio.seq)
    for numbers in covered.values():
        assert numbers == list(range(numbers[0], numbers[-1] + 1)), "each once, in order"

    last_epoch = max(covered, default=0)  # whose end nothing has passed over
    for item, verdict in zip(schedule, verdicts, strict=True):
        key = (item.chunk.epoch, item.chunk.seq)
        if verdict is ChunkOutcome.LATE and key > (last_epoch, covered[last_epoch][0]):
            assert item.chunk.epoch == last_epoch
            assert item.chunk.seq in covered[last_epoch], "a late chunk lies in a gap"


@given(st.permutations(range(12)))
def test_any_order_within_the_delay_plays_all(order: list[int]) -> None:
    buffer = JitterBuffer(FORMAT, playout_delay_ms=12 * 200)
    at = audio(11).timestamp + 200
    for seq in order:
        assert buffer.push(audio(seq, size=2), at) is ChunkOutcome.ACCEPTED
    events = buffer.pop(at + 12 * 200)
    assert [event.audio.seq for event in events if isinstance(event, Played)] == list(range(12))
    assert len(events) == 12
