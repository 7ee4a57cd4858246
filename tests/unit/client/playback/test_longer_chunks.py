"""Chunks of changing duration: nothing is late, and the recording keeps its length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client.playback.lag import LagMeter
from client.playback.playout import Playout
from client.protocol.events import AudioReceived
from shared.protocol.messages import Audio
from tests.unit.client.support import FORMAT, T0

NETWORK_MS = 30
durations = st.lists(st.sampled_from([200, 400, 600]), min_size=1, max_size=40)


class Recorded:
    """Adds up what a sink gets (ms)."""

    def __init__(self) -> None:
        self.sound_ms = 0.0
        self.silence_ms = 0.0

    def write(self, pcm: bytes) -> None:
        self.sound_ms += FORMAT.duration_ms(len(pcm))

    def silence(self, duration_ms: float) -> None:
        self.silence_ms += duration_ms


def stream(durations_ms: list[int]) -> list[Audio]:
    chunks, at = list[Audio](), T0
    for seq, duration_ms in enumerate(durations_ms):
        chunks.append(
            Audio(
                session_id="golden-eagle-427",
                language="en",
                epoch=1,
                seq=seq,
                timestamp=at,
                audio=bytes(FORMAT.with_chunk_ms(duration_ms).chunk_bytes),
                chunk_ms=duration_ms if duration_ms > 200 else None,
            )
        )
        at += duration_ms
    return chunks


def arrival(chunk: Audio) -> float:
    return chunk.timestamp + FORMAT.duration_ms(len(chunk.audio)) + NETWORK_MS


@given(durations)
def test_nothing_is_late_or_missing(durations_ms: list[int]) -> None:
    sink = Recorded()
    playout = Playout(FORMAT, sink)
    for chunk in stream(durations_ms):
        playout.advance(arrival(chunk))
        playout.push(AudioReceived(chunk, arrival(chunk)))
    playout.finish()
    counts = playout.stats().counts
    assert (counts.played, counts.late, counts.gaps) == (len(durations_ms), 0, 0)
    assert (sink.sound_ms, sink.silence_ms) == (sum(durations_ms), 0)


@given(durations, st.data())
def test_silence_replaces_lost_chunks(durations_ms: list[int], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(0, len(durations_ms) - 1)))
    sink = Recorded()
    playout = Playout(FORMAT, sink)
    heard = [chunk for chunk in stream(durations_ms) if chunk.seq not in lost]
    for chunk in heard:
        playout.advance(arrival(chunk))
        playout.push(AudioReceived(chunk, arrival(chunk)))
    playout.finish()
    if heard:
        first, last = heard[0], heard[-1]
        whole = last.timestamp + FORMAT.duration_ms(len(last.audio)) - first.timestamp
        assert sink.sound_ms + sink.silence_ms == whole


@given(durations)
def test_longer_chunks_are_no_lag(durations_ms: list[int]) -> None:
    meter = LagMeter()
    for chunk in stream(durations_ms):
        assert meter.observe(chunk, FORMAT.chunk_ms, arrival(chunk)) == 0
