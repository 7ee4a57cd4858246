"""Lag of live audio: a slow network shows, clock steps do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.playback.lag import LagMeter
from shared.protocol.messages import Audio
from tests.unit.client.support import T0

CHUNK_MS = 200


def _chunk(seq: int, timestamp_ms: float, epoch: int = 1, language: str = "en") -> Audio:
    return Audio(
        session_id="golden-eagle-427",
        language=language,
        epoch=epoch,
        seq=seq,
        timestamp=T0 + round(timestamp_ms),
        audio=b"",
    )


def _observe(meter: LagMeter, audio: Audio, now_ms: float) -> float:
    return meter.observe(audio, CHUNK_MS, now_ms)


@pytest.mark.parametrize(("rate", "behind_ms"), [(0.1, 9_000), (0.5, 5_000), (0.9, 1_000)])
def test_a_link_that_is_too_slow_falls_behind_by_what_it_lacks(
    rate: float, behind_ms: float
) -> None:
    meter = LagMeter()
    seconds = 10
    for seq in range(round(seconds * 1000 * rate / CHUNK_MS) + 1):
        _observe(meter, _chunk(seq, seq * CHUNK_MS), seq * CHUNK_MS / rate)
    assert meter.lag_ms == pytest.approx(behind_ms)


jitter = st.floats(min_value=0, max_value=400)
step = st.integers(min_value=-60_000, max_value=60_000)


@given(
    arrivals=st.lists(st.tuples(jitter, st.one_of(st.just(0), step)), min_size=1, max_size=60),
    lost=st.sets(st.integers(min_value=1, max_value=59)),
)
def test_a_step_of_the_senders_clock_is_not_lag(
    arrivals: list[tuple[float, int]], lost: set[int]
) -> None:
    meter, clock_ms = LagMeter(), 0
    for seq, (delay_ms, step_ms) in enumerate(arrivals):
        clock_ms += step_ms
        if seq in lost:
            continue
        lag = _observe(meter, _chunk(seq, seq * CHUNK_MS + clock_ms), seq * CHUNK_MS + delay_ms)
        # A step of less than a chunk is taken for wavering.
        assert lag <= 400 + CHUNK_MS * len(arrivals) * 0.25 + 1


@given(first_ms=st.floats(min_value=-1e6, max_value=1e6))
def test_a_first_chunk_with_a_wrong_time_is_no_baseline(first_ms: float) -> None:
    meter = LagMeter()
    _observe(meter, _chunk(0, first_ms), 0)
    for seq in range(1, 20):
        assert _observe(meter, _chunk(seq, seq * CHUNK_MS), seq * CHUNK_MS) <= CHUNK_MS


def test_a_late_first_chunk_is_no_baseline() -> None:
    meter = LagMeter()
    _observe(meter, _chunk(0, 0), 1_500)
    _observe(meter, _chunk(1, 200), 1_500)
    _observe(meter, _chunk(2, 400), 1_500)
    assert _observe(meter, _chunk(8, 1_600), 1_600) == 0
    assert _observe(meter, _chunk(9, 1_800), 3_800) == 2_000


def test_pauses_of_an_interpreter_are_not_lag() -> None:
    meter = LagMeter()
    _observe(meter, _chunk(0, 0), 0)
    assert _observe(meter, _chunk(1, 30_000), 30_000) == 0


def test_a_new_epoch_or_language_begins_anew() -> None:
    meter = LagMeter()
    _observe(meter, _chunk(0, 0), 0)
    assert _observe(meter, _chunk(1, 200), 5_000) == 4_800
    assert _observe(meter, _chunk(0, 7_000, epoch=2), 5_100) == 0
    assert _observe(meter, _chunk(2, 400), 5_200) == 0, "of the former epoch"
    assert _observe(meter, _chunk(9, 0, language="es"), 9_000) == 0


def test_repeated_or_reordered_chunks_change_nothing() -> None:
    meter = LagMeter()
    _observe(meter, _chunk(3, 600), 600)
    assert _observe(meter, _chunk(3, 600), 9_000) == 0
    assert _observe(meter, _chunk(1, 200), 9_000) == 0
