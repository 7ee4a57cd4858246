"""PROTOCOL rule 1 under any events: a new epoch plays at once, the older one for 2 s."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client.playback.jitter import ChunkOutcome, Gap, JitterBuffer, Played
from shared.models.audio_format import AudioFormat
from tests.unit.client.support import T0, audio

FORMAT = AudioFormat(encoding="opus")
DELAY_MS = 400
# Milliseconds since the chunk before, its epoch, its number.
CHUNKS = st.lists(
    st.tuples(st.integers(0, 1_500), st.integers(1, 4), st.integers(0, 2**40)),
    min_size=1,
    max_size=40,
)


@given(CHUNKS)
def test_an_older_epoch_is_heard_for_two_seconds_after_the_change(
    chunks: list[tuple[int, int, int]],
) -> None:
    buffer, now = JitterBuffer(FORMAT, DELAY_MS), T0
    began: dict[int, int] = {}  # when an epoch newer than all before was first heard
    for wait, epoch, seq in chunks:
        now += wait
        if epoch > max(began, default=0):
            began[epoch] = now
        verdict = buffer.push(audio(seq, epoch=epoch, timestamp=now - 200, size=2), now)
        superseded = any(newer > epoch and now - since >= 2_000 for newer, since in began.items())
        assert (verdict is ChunkOutcome.SUPERSEDED) is superseded
        buffer.pop(now)


@given(CHUNKS, st.integers(0, 2**40), st.integers(-(10**9), 10**9))
def test_a_new_epoch_is_played_at_once_whatever_its_first_number_and_clock(
    chunks: list[tuple[int, int, int]], first: int, skew_ms: int
) -> None:
    buffer, now = JitterBuffer(FORMAT, DELAY_MS), T0
    for wait, epoch, seq in chunks:
        now += wait
        buffer.push(audio(seq, epoch=epoch, timestamp=now - 200, size=2), now)
        buffer.pop(now)

    newcomer = audio(first, epoch=5, timestamp=now - 200 + skew_ms, size=2)
    assert buffer.push(newcomer, now) is ChunkOutcome.ACCEPTED
    events = buffer.pop(now + 1_000 + DELAY_MS)
    played = [event.audio for event in events if isinstance(event, Played)]
    assert played[-1] == newcomer
    assert not any(isinstance(event, Gap) and event.epoch == 5 for event in events)
