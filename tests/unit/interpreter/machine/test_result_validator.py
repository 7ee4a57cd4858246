"""Validation of results, language demand, engine health and floor captions."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from interpreter.engine import RecognitionResult
from interpreter.machine.demand_watcher import LanguageDemand
from interpreter.machine.engine_health import EngineHealth
from interpreter.machine.floor_captions import FloorCaptions
from interpreter.machine.result_validator import PartialThrottle, ResultValidator
from shared.protocol.interpretation_messages import Caption

results = st.builds(
    RecognitionResult,
    text=st.sampled_from(["a word", "", "  ", "two words"]),
    final=st.booleans(),
    timestamp=st.integers(0, 20_000),
    end_timestamp=st.integers(0, 20_000),
)


def result(start: int, end: int, *, final: bool = True, text: str = "a word") -> RecognitionResult:
    return RecognitionResult(text, final, start, end)


@given(st.lists(results, max_size=40))
def test_accepted_results_are_in_order_without_overlap(given: list[RecognitionResult]) -> None:
    validator = ResultValidator()
    accepted = [result for result in given if validator.accepts(result, 20_000)]
    finals = [result for result in accepted if result.final]
    for before, after in itertools.pairwise(finals):
        assert before.end_timestamp <= after.timestamp
    assert all(result.text.strip() for result in accepted)
    assert all(result.timestamp <= result.end_timestamp for result in accepted)
    assert validator.disordered == sum(result.final for result in given) - len(finals)


def test_a_late_final_result_is_rejected_and_counted() -> None:
    validator = ResultValidator()
    assert validator.accepts(result(1_000, 2_000), 3_000)
    assert not validator.accepts(result(500, 900), 3_000)
    assert not validator.accepts(result(1_900, 2_500), 3_000)
    assert not validator.accepts(result(500, 900, final=False), 3_000)
    assert validator.accepts(result(2_000, 2_500), 3_000)
    assert validator.disordered == 2


def test_earlier_times_are_accepted_after_a_clock_step_back() -> None:
    validator = ResultValidator()
    assert validator.accepts(result(50_000, 51_000), 51_200)
    validator.clock_stepped_back()
    assert validator.accepts(result(51_100, 52_000), 40_200), "spoken earlier, recognised only now"
    assert validator.accepts(result(40_000, 41_000), 42_000)
    assert not validator.accepts(result(40_000, 41_000), 42_000)
    assert validator.accepts(result(41_000, 42_000), 42_000)
    assert validator.disordered == 1


def test_partial_captions_are_throttled() -> None:
    throttle = PartialThrottle()
    partial = result(0, 100, final=False, text="one")
    longer = result(0, 200, final=False, text="one two")
    assert throttle.accepts(partial, 1_000)
    assert not throttle.accepts(partial, 9_000), "the same text"
    assert not throttle.accepts(longer, 1_100), "too soon"
    assert throttle.accepts(longer, 1_250)
    assert throttle.accepts(result(0, 300), 1_260), "final results always pass"
    assert throttle.accepts(longer, 1_600), "the next utterance may start with the same words"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5_000)), max_size=40))
def test_languages_are_served_for_the_linger_time_after_the_last_listener(
    moments: list[tuple[int, int]],
) -> None:
    demand, now = LanguageDemand(None, 10_000), 0
    last_heard: int | None = None
    for count, later in moments:
        now += later
        demand.update({"es": count}, now)
        last_heard = now if count else last_heard
        wanted = last_heard is not None and now - last_heard < 10_000
        assert (demand.languages == {"es"}) is wanted


def test_only_allowed_languages_are_served() -> None:
    demand = LanguageDemand(["es"], 10_000)
    demand.update({"es": 1, "fr": 9}, 0)
    assert demand.languages == {"es"}


def test_suspensions_double_until_the_engine_works() -> None:
    health, both = EngineHealth(15), frozenset({"es", "ca"})
    assert [health.suspend("es") for _ in range(6)] == [15, 30, 60, 120, 120, 120]
    assert health.usable(both) == {"ca"}
    health.resume("es")
    assert health.usable(both) == both
    health.reset_backoff("es")
    assert health.suspend("es") == 15
    health.suspend(None)
    assert health.usable(both) == frozenset()
    health.resume(None)
    health.exclude("ca")
    health.resume("es")
    assert health.usable(both) == {"es"}


def _caption(end: int, *, final: bool = True, language: str = "en") -> Caption:
    return Caption(
        session_id="golden-eagle-427",
        language=language,
        text="a word",
        final=final,
        epoch=1,
        timestamp=end - 500,
        end_timestamp=end,
    )


def _start(captions: FloorCaptions, position: float | None, *, from_machine: bool = True) -> float:
    return captions.start_position(
        position, from_machine=from_machine, kept_ms=10_000, pre_roll_ms=300
    )


def test_interpretation_starts_where_the_previous_machine_stopped() -> None:
    captions = FloorCaptions("en")
    assert _start(captions, None) == 0
    assert _start(captions, 50_000) == 49_700
    captions.receive(_caption(46_000))
    assert _start(captions, 50_000) == 46_000
    assert _start(captions, 50_000, from_machine=False) == 49_700
    assert _start(captions, 90_000) == 80_000, "not before the history"
    captions.receive(_caption(48_000, final=False))
    captions.receive(_caption(48_000, language="es"))
    assert _start(captions, 50_000) == 46_000


def test_reset_forgets_the_previous_machines_captions() -> None:
    captions = FloorCaptions("en")
    captions.receive(_caption(46_000))
    captions.reset()
    assert _start(captions, 40_000) == 39_700


def test_a_machine_ignores_its_own_captions() -> None:
    captions = FloorCaptions("en")
    own = captions.caption_for(result(47_500, 48_000), 0)
    assert own is not None
    assert (own.language, own.end_timestamp) == ("en", 48_000)
    captions.receive(_caption(48_000))
    assert _start(captions, 50_000) == 49_700
