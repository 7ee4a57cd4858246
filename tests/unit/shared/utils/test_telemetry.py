"""Metrics are written as lines in the embedded metric format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.utils.telemetry import PowertoolsTelemetry


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> PowertoolsTelemetry:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "lingocast-dev-timeout")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Lingocast")
    return PowertoolsTelemetry()


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_with_dimensions_are_summed_in_one_line_each(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.count("ConnectionsChecked", 3)
    for role in ("listener", "speaker", "listener"):
        telemetry.count_by("ConnectionTimeout", Role=role, Reason="idle")
    telemetry.flush()

    plain, *by_dimensions = lines(capsys)
    assert plain["ConnectionsChecked"] == [3.0]
    assert "Role" not in plain
    assert {(line["Role"], line["ConnectionTimeout"][0]) for line in by_dimensions} == {
        ("listener", 2.0),
        ("speaker", 1.0),
    }
    for line in by_dimensions:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Lingocast"
        assert [sorted(names) for names in directive["Dimensions"]] == [
            ["Reason", "Role", "service"]
        ]
        assert line["service"] == "lingocast-dev-timeout"


def test_flushed_counts_are_not_repeated(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.count_by("ConnectionTimeout", Role="listener", Reason="idle")
    telemetry.flush()
    lines(capsys)

    telemetry.flush()

    assert lines(capsys) == []
