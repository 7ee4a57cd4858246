"""Speed and skipping of the speech backlog, and pacing of chunks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from interpreter.machine.backlog import Backlog
from interpreter.machine.pacer import Pacer, full_chunks
from shared.models.audio_format import AudioFormat

SPEED_UP_MS, MAX_MS, MAX_SPEED = 2_000, 8_000, 1.5


@dataclass(frozen=True)
class Sentence:
    number: int
    duration_ms: float


class BacklogModel(RuleBasedStateMachine):
    """Sentences are added, sent piece by piece, or skipped. None is lost otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog: Backlog[Sentence] = Backlog(SPEED_UP_MS, MAX_MS, MAX_SPEED)
        self.number = 0
        self.waiting: list[Sentence] = []
        self.spoken: list[int] = []
        self.rest = 0.0

    @rule(duration_ms=st.integers(100, 12_000))
    def add(self, duration_ms: int) -> None:
        self.number += 1
        new = Sentence(self.number, duration_ms)
        skipped = self.backlog.add(new)
        self.waiting.append(new)
        assert skipped == self.waiting[: len(skipped)], "the oldest"
        del self.waiting[: len(skipped)]
        assert self.waiting, "the newest is kept"
        if skipped:
            without_last = self.rest + sum(it.duration_ms for it in self.waiting)
            assert without_last + skipped[-1].duration_ms > MAX_MS, "no more than necessary"

    @precondition(lambda self: self.rest == 0)
    @rule()
    def take(self) -> None:
        taken = self.backlog.take()
        if not self.waiting:
            assert taken is None
            return
        assert taken == self.waiting.pop(0)
        assert taken.number > (self.spoken[-1] if self.spoken else 0), "in order, and once"
        self.spoken.append(taken.number)
        self.rest = taken.duration_ms

    @precondition(lambda self: self.rest > 0)
    @rule(duration_ms=st.integers(100, 1_000))
    def send(self, duration_ms: int) -> None:
        self.backlog.sent(duration_ms)
        self.rest = max(self.rest - duration_ms, 0)

    @rule()
    def clear(self) -> None:
        assert self.backlog.clear() == self.waiting
        self.waiting, self.rest = [], 0.0

    @invariant()
    def is_bounded(self) -> None:
        unsent = self.rest + sum(sentence.duration_ms for sentence in self.waiting)
        assert self.backlog.unsent_ms == unsent
        assert unsent <= MAX_MS or len(self.waiting) <= 1
        assert self.backlog.is_empty is (not self.waiting)

    @invariant()
    def speed_grows_with_the_backlog(self) -> None:
        speed, unsent = self.backlog.speed(), self.backlog.unsent_ms
        assert 1 <= speed <= MAX_SPEED
        assert (speed == 1) is (unsent <= SPEED_UP_MS)
        if unsent >= MAX_MS:
            assert speed == MAX_SPEED


TestBacklogModel = BacklogModel.TestCase


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=60))
def test_pacer_sends_in_real_time_without_bursts(delays: list[int]) -> None:
    """Each chunk is sent when due, plus a delay."""
    pacer, now = Pacer(), 0.0
    sent: list[tuple[float, int]] = []
    for delay in delays:
        now += pacer.wait_ms(200, now) + delay
        sent.append((now, pacer.stamp(200, now)))
    for (_, before), (_, after) in itertools.pairwise(sent):
        assert after - before >= 200, "no overlap"
    for at, timestamp in sent:
        assert at - 400 <= timestamp <= at - 200, "as if just captured, or a little late"


def test_first_chunk_is_sent_at_once_and_the_next_in_real_time() -> None:
    pacer = Pacer()
    assert pacer.wait_ms(200, 1_000) == 0
    assert pacer.stamp(200, 1_000) == 800
    assert pacer.wait_ms(200, 1_050) == 150
    assert pacer.stamp(200, 1_200) == 1_000
    # The same applies after a pause.
    assert pacer.wait_ms(200, 9_000) == 0
    assert pacer.stamp(200, 9_000) == 8_800


def test_chunks_of_another_duration_follow_without_a_gap() -> None:
    pacer = Pacer()
    assert pacer.stamp(200, 1_000) == 800
    assert pacer.wait_ms(600, 1_000) == 600
    assert pacer.stamp(600, 1_600) == 1_000
    assert pacer.wait_ms(200, 1_600) == 200


@given(st.integers(0, 20_000))
def test_full_chunks_are_padded_and_lose_nothing(size: int) -> None:
    audio_format = AudioFormat(chunk_ms=100)
    pcm = bytes(index % 255 + 1 for index in range(size))
    chunks = full_chunks(pcm, audio_format)
    assert {len(chunk) for chunk in chunks} <= {audio_format.chunk_bytes}
    joined = b"".join(chunks)
    whole = size // 2 * 2
    assert joined[:whole] == pcm[:whole]
    assert not any(joined[whole:])
    assert len(joined) - whole < audio_format.chunk_bytes
