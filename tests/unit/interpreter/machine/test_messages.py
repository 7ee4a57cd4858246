"""Texts of machine news and reports, and engines by name."""

from __future__ import annotations

import json

import pytest

from interpreter.engine import EngineUnavailableError
from interpreter.engines import make_engine
from interpreter.machine.messages import describe_news, describe_report
from interpreter.machine.report import (
    ConnectionLost,
    ConnectionRestored,
    EngineFailed,
    EngineSuspended,
    LeaseChanged,
    News,
    RecognitionSwitched,
    Report,
    SeatLeft,
    SentenceSkipped,
    SentenceSpoken,
)
from shared.models.interpretation import Renders

RENDERS = Renders(timestamp=0, end_timestamp=1, recognise_ms=500, translate_ms=20, speak_ms=30)


@pytest.mark.parametrize(
    ("news", "line"),
    [
        (LeaseChanged("es", True, "promoted"), "The machine interprets into es now."),
        (
            LeaseChanged("es", False, "takenOver"),
            "The machine is a stand-by for es now.",
        ),
        (LeaseChanged("es", False, "left"), "The machine has left es."),
        (
            EngineFailed("translate", "timeout", "es"),
            "The engine failed to translate for es (timeout).",
        ),
        (
            EngineFailed("recognise", "EngineError"),
            "The engine failed to recognise speech (EngineError).",
        ),
        (
            EngineSuspended(15, "es"),
            "The engine does not work for es: listeners hear the floor. Next attempt in 15 s.",
        ),
        (
            EngineSuspended(30),
            "The engine does not work at all: listeners hear the floor. Next attempt in 30 s.",
        ),
        (
            ConnectionLost("es", "the connection broke off", 3.0),
            "Disconnected for es: the connection broke off. Reconnecting for up to 3 s …",
        ),
        (ConnectionRestored("es"), "Reconnected for es."),
        (SeatLeft("es"), None),
        (SentenceSpoken("es", RENDERS), None),
        (SentenceSkipped("es", "turn"), None),
        (RecognitionSwitched(on=True), None),
    ],
)
def test_news_are_described(news: News, line: str | None) -> None:
    assert describe_news(news) == line


def _report() -> Report:
    report = Report(sentences=3)
    report.add_latencies(RENDERS)
    report.language("es").spoken = 2
    report.language("es").unspoken["behind"] = 1
    report.language("ca").spoken = 3
    report.language("ca").lost_chunks = 4
    report.failures["speak"] = 2
    report.unheard = 5
    return report


def test_reports_are_described() -> None:
    assert describe_report(Report()) == "interpreted: 0 sentences"
    assert describe_report(_report()) == (
        "interpreted: 3 sentences; ca 3 spoken, 4 chunks lost; es 2 spoken, 1 not (behind 1); "
        "5 floor chunks dropped because recognition was too slow; "
        "2 engine failures; end of a sentence to its first sound: p50 550 ms, p95 550 ms"
    )


def test_reports_convert_to_json() -> None:
    report = json.loads(json.dumps(_report().to_dict()))
    assert report["languages"]["es"]["unspoken"] == {"behind": 1}
    assert report["latencies"]["total"]["p95"] == 550
    assert report["failures"] == {"speak": 2}


def test_engines_are_made_by_name() -> None:
    assert make_engine("scripted").name == "scripted"
    with pytest.raises(EngineUnavailableError, match="use one of aws, offline, scripted"):
        make_engine("psychic")
