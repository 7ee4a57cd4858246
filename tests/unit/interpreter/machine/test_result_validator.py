"""Which results are believed, whom a machine serves, and for how long it rests."""

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


def said(start: int, end: int, *, final: bool = True, text: str = "a word") -> RecognitionResult:
    return RecognitionResult(text, final, start, end)


@given(st.lists(results, max_size=40))
def test_what_is_believed_comes_in_order_without_overlap(told: list[RecognitionResult]) -> None:
    validator = ResultValidator()
    believed = [result for result in told if validator.accepts(result, 20_000)]
    finals = [result for result in believed if result.final]
    for before, after in itertools.pairwise(finals):
        assert before.end_timestamp <= after.timestamp
    assert all(result.text.strip() for result in believed)
    assert all(result.timestamp <= result.end_timestamp for result in believed)
    assert validator.disordered == sum(result.final for result in told) - len(finals)


def test_a_late_final_is_not_believed_and_counted() -> None:
    validator = ResultValidator()
    assert validator.accepts(said(1_000, 2_000), 3_000)
    assert not validator.accepts(said(500, 900), 3_000)
    assert not validator.accepts(said(1_900, 2_500), 3_000)
    assert not validator.accepts(said(500, 900, final=False), 3_000)
    assert validator.accepts(said(2_000, 2_500), 3_000)
    assert validator.disordered == 2


def test_a_speaker_with_another_clock_is_believed() -> None:
    validator = ResultValidator()
    assert validator.accepts(said(50_000, 51_000), 51_200)
    validator.clock_stepped_back()
    assert validator.accepts(said(51_100, 52_000), 40_200), "said before, known only now"
    assert validator.accepts(said(40_000, 41_000), 42_000)
    assert not validator.accepts(said(40_000, 41_000), 42_000)
    assert validator.accepts(said(41_000, 42_000), 42_000)
    assert validator.disordered == 1


def test_partial_results_are_told_as_fast_as_one_reads() -> None:
    throttle = PartialThrottle()
    partial = said(0, 100, final=False, text="one")
    longer = said(0, 200, final=False, text="one two")
    assert throttle.accepts(partial, 1_000)
    assert not throttle.accepts(partial, 9_000), "that is known"
    assert not throttle.accepts(longer, 1_100), "too soon"
    assert throttle.accepts(longer, 1_250)
    assert throttle.accepts(said(0, 300), 1_260), "what is final is always told"
    assert throttle.accepts(longer, 1_600), "the next utterance may begin alike"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5_000)), max_size=40))
def test_languages_are_served_until_a_while_after_the_last_listener(
    moments: list[tuple[int, int]],
) -> None:
    audience, now = LanguageDemand(None, 10_000), 0
    last_heard: int | None = None
    for count, later in moments:
        now += later
        audience.update({"es": count}, now)
        last_heard = now if count else last_heard
        wanted = last_heard is not None and now - last_heard < 10_000
        assert (audience.languages == {"es"}) is wanted


def test_only_languages_that_were_asked_for_are_served() -> None:
    audience = LanguageDemand(["es"], 10_000)
    audience.update({"es": 1, "fr": 9}, 0)
    assert audience.languages == {"es"}


def test_rests_double_until_it_works_again() -> None:
    health, all_of_them = EngineHealth(15), frozenset({"es", "ca"})
    assert [health.suspend("es") for _ in range(6)] == [15, 30, 60, 120, 120, 120]
    assert health.usable(all_of_them) == {"ca"}
    health.resume("es")
    assert health.usable(all_of_them) == all_of_them
    health.reset_backoff("es")
    assert health.suspend("es") == 15
    health.suspend(None)
    assert health.usable(all_of_them) == frozenset()
    health.resume(None)
    health.exclude("ca")
    health.resume("es")
    assert health.usable(all_of_them) == {"es"}


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


def test_a_machine_goes_on_where_the_one_before_it_stopped() -> None:
    captions = FloorCaptions("en")
    assert _start(captions, None) == 0
    assert _start(captions, 50_000) == 49_700
    captions.receive(_caption(46_000))
    assert _start(captions, 50_000) == 46_000
    assert _start(captions, 50_000, from_machine=False) == 49_700
    assert _start(captions, 90_000) == 80_000, "no further back than is kept"
    captions.receive(_caption(48_000, final=False))
    captions.receive(_caption(48_000, language="es"))
    assert _start(captions, 50_000) == 46_000


def test_times_by_another_clock_tell_nothing() -> None:
    captions = FloorCaptions("en")
    captions.receive(_caption(46_000))
    captions.reset()
    assert _start(captions, 40_000) == 39_700


def test_a_machines_own_captions_tell_it_nothing() -> None:
    captions = FloorCaptions("en")
    told = captions.caption_for(said(47_500, 48_000), 0)
    assert told is not None
    assert (told.language, told.end_timestamp) == ("en", 48_000)
    captions.receive(_caption(48_000))
    assert _start(captions, 50_000) == 49_700
