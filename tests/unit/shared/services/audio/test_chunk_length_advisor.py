"""ChunkLengthAdvisor in virtual time: when it proposes longer and shorter chunks."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.models.audio_format import OPUS, AudioFormat
from shared.services.audio.chunk_length_advisor import ChunkLengthAdvisor, is_lost

FORMAT = AudioFormat()


class Source:
    """A source that sends chunks in real time and follows the advice, if `obedient`."""

    def __init__(self, audio_format: AudioFormat = FORMAT, *, obedient: bool = True) -> None:
        self.hints: list[tuple[float, int]] = []
        self.now = 0.0
        self.chunk_ms = audio_format.chunk_ms
        self._format = audio_format
        self._obedient = obedient
        self._advisor = ChunkLengthAdvisor()

    def send(self, seconds: float, is_lost: Callable[[int], bool]) -> None:
        """Send for a time; `is_lost` says it of chunks by their duration."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += self.chunk_ms / 1000
            hint = self._advisor.advise(
                "a", self._format, self.chunk_ms, lost=is_lost(self.chunk_ms), now=self.now
            )
            if hint is not None:
                self.hints.append((round(self.now, 3), hint))
                if self._obedient:
                    self.chunk_ms = hint


def always(_: int) -> bool:
    return True


def never(_: int) -> bool:
    return False


@pytest.mark.parametrize(
    ("missed", "recipients", "lost"),
    [(4, 4, False), (5, 5, True), (5, 166, True), (5, 167, False), (30, 1_000, True)],
)
def test_a_few_missed_recipients_are_no_lost_chunk(
    missed: int, recipients: int, lost: bool
) -> None:
    assert is_lost(missed, recipients) is lost


def test_losses_over_two_seconds_ask_for_longer_chunks_step_by_step() -> None:
    source = Source()
    source.send(30, always)
    assert 2 <= source.hints[0][0] <= 2.5
    assert [hint for _, hint in source.hints] == [400, 600]
    assert source.hints[1][0] - source.hints[0][0] >= 3


@pytest.mark.parametrize(
    ("audio_format", "steps"),
    [
        (AudioFormat(chunk_ms=100), [200, 400, 700]),
        (AudioFormat(chunk_ms=250), [500, 750]),
        (AudioFormat(chunk_ms=500), []),
        (AudioFormat(sample_rate=8_000), [400, 800, 1_000]),
        (AudioFormat(sample_rate=48_000), []),
        (AudioFormat(encoding=OPUS), []),
    ],
)
def test_steps_are_multiples_within_the_format(audio_format: AudioFormat, steps: list[int]) -> None:
    source = Source(audio_format)
    source.send(60, always)
    assert [hint for _, hint in source.hints] == steps


def test_a_short_burst_of_losses_changes_nothing() -> None:
    source = Source()
    for _ in range(20):
        source.send(1, always)
        source.send(2, never)
    assert source.hints == []


def test_calm_returns_to_the_sessions_own_chunks() -> None:
    source = Source()
    source.send(10, lambda chunk_ms: chunk_ms < 600)
    assert source.chunk_ms == 600
    began = source.now
    source.send(70, never)
    (_, hint) = source.hints[-1]
    assert hint == 200
    assert source.hints[-1][0] >= began + 55


def test_a_lasting_cause_is_probed_less_and_less_often() -> None:
    source = Source()
    source.send(3_600, lambda chunk_ms: chunk_ms == 200)
    returns = [at for at, hint in source.hints if hint == 200]
    pauses = [round(later - sooner) for sooner, later in itertools.pairwise(returns)]
    assert pauses == sorted(pauses)
    assert len(returns) <= 7


def test_a_source_that_ignores_hints_gets_few() -> None:
    source = Source(obedient=False)
    source.send(600, always)
    assert {hint for _, hint in source.hints} == {400}
    assert len(source.hints) <= 15


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=40), st.booleans())
def test_hints_are_rare_and_within_the_format(
    spells: list[tuple[bool, int]], obedient: bool
) -> None:
    source = Source(obedient=obedient)
    for lost, seconds in spells:
        source.send(seconds, always if lost else never)
    times = [at for at, _ in source.hints]
    assert all(later - sooner >= 2.999 for sooner, later in itertools.pairwise(times))
    assert {hint for _, hint in source.hints} <= {200, 400, 600}


def test_remembers_a_bounded_number_of_sources() -> None:
    advisor = ChunkLengthAdvisor()
    hints = [
        advisor.advise(str(number), FORMAT, 200, lost=True, now=float(round_))
        for round_ in range(5)
        for number in range(2_000)
    ]
    assert set(hints) == {None}
