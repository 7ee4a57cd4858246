"""What people are told of a machine, and the engines by name."""

from __future__ import annotations

import json

import pytest

from interpreter.engine import EngineUnavailableError
from interpreter.engines import make_engine
from interpreter.machine.messages import describe_news, describe_report
from interpreter.machine.report import (
    EngineFault,
    LeaseNews,
    Left,
    News,
    OutOfReach,
    Recognising,
    Report,
    Resting,
    Spoken,
    Unspoken,
    WithinReach,
)
from shared.models.interpretation import Renders

RENDERS = Renders(timestamp=0, end_timestamp=1, recognise_ms=500, translate_ms=20, speak_ms=30)


@pytest.mark.parametrize(
    ("news", "line"),
    [
        (LeaseNews("es", True, "promoted"), "The machine is the voice of es."),
        (
            LeaseNews("es", False, "takenOver"),
            "The machine is not the voice of es now; it waits for its turn.",
        ),
        (LeaseNews("es", False, "left"), "The machine has left es."),
        (
            EngineFault("translate", "timeout", "es"),
            "The engine failed to translate for es (timeout).",
        ),
        (
            EngineFault("recognise", "EngineError"),
            "The engine failed to recognise what is said (EngineError).",
        ),
        (
            Resting(15, "es"),
            "The engine is out of order for es: listeners hear the floor; another try in 15 s.",
        ),
        (
            Resting(30),
            "The engine is out of order for everything: listeners hear the floor; "
            "another try in 30 s.",
        ),
        (
            OutOfReach("es", "the connection broke off", 3.0),
            "Lost for es: the connection broke off. Trying for 3 s to come back …",
        ),
        (WithinReach("es"), "Back for es."),
        (Left("es"), None),
        (Spoken("es", RENDERS), None),
        (Unspoken("es", "turn"), None),
        (Recognising(on=True), None),
    ],
)
def test_news_in_words(news: News, line: str | None) -> None:
    assert describe_news(news) == line


def _report() -> Report:
    report = Report(sentences=3)
    report.measured(RENDERS)
    report.of("es").spoken = 2
    report.of("es").unspoken["behind"] = 1
    report.of("ca").spoken = 3
    report.of("ca").lost_chunks = 4
    report.failures["speak"] = 2
    report.unheard = 5
    return report


def test_a_report_in_words() -> None:
    assert describe_report(Report()) == "interpreted: 0 sentences"
    assert describe_report(_report()) == (
        "interpreted: 3 sentences; ca 3 spoken, 4 chunks lost; es 2 spoken, 1 not (behind 1); "
        "5 chunks of the floor came too fast to be recognised; "
        "2 failures of the engine; end of a sentence to its first sound: p50 550 ms, p95 550 ms"
    )


def test_a_report_in_numbers_is_json() -> None:
    told = json.loads(json.dumps(_report().to_dict()))
    assert told["languages"]["es"]["unspoken"] == {"behind": 1}
    assert told["latencies"]["total"]["p95"] == 550
    assert told["failures"] == {"speak": 2}


def test_engines_by_name() -> None:
    assert make_engine("scripted").name == "scripted"
    with pytest.raises(EngineUnavailableError, match="there are aws, offline, scripted"):
        make_engine("psychic")
