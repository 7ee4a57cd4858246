"""Parsing metrics in log lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.metrics.emf import Sample, samples
from shared.utils.telemetry import PowertoolsTelemetry

AT_MS = 1_700_000_000_000


def line(**changes: Any) -> bytes:
    directive = {
        "Namespace": "Lingocast",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Sent", "Unit": "Count"}],
    }
    content = {
        "_aws": {"Timestamp": AT_MS, "CloudWatchMetrics": [{**directive, **changes}]},
        "service": "control",
        "Sent": [2.0, 3.0],
    }
    return json.dumps(content).encode()


def test_output_of_powertools_is_parsed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "timeout")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Lingocast")
    telemetry = PowertoolsTelemetry()
    telemetry.count("Checked", 3, sessionId="a context")
    telemetry.count("Checked", 4)
    telemetry.duration("Took", 12.5)
    telemetry.count_by("Closed", 2, Role="speaker", Reason="idle")
    telemetry.flush()

    printed = capsys.readouterr().out.encode().splitlines()
    found = {item.name: item for each in printed for item in samples(each)}

    service = ("service", "timeout")
    assert (found["Checked"].values, found["Checked"].unit) == ((3.0, 4.0), "Count")
    assert found["Checked"].dimensions == (service,)
    assert (found["Took"].values, found["Took"].unit) == ((12.5,), "Milliseconds")
    assert found["Closed"].values == (2.0,)
    assert found["Closed"].dimensions == (("Reason", "idle"), ("Role", "speaker"), service)


def test_a_line_with_documents_of_several_workers() -> None:
    """Lambda's runtime writes a line and its end separately."""
    warning = b'{"level": "WARNING"}'

    found = list(samples(line() + warning + line().replace(b"[2.0, 3.0]", b"7")))

    assert [item.values for item in found] == [(2.0, 3.0), (7.0,)]


def test_a_single_number_and_several_sets_of_dimensions() -> None:
    text = line(Dimensions=[["service"], []]).replace(b"[2.0, 3.0]", b"7")

    assert list(samples(text)) == [
        Sample("Sent", "Count", (("service", "control"),), (7.0,), AT_MS),
        Sample("Sent", "Count", (), (7.0,), AT_MS),
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"START RequestId: 1",
        b'{"level":"INFO","message":"hello"}',
        line()[:-5],
        b'"_aws"',
        b'{"_aws": 1}',
        b'{"_aws": {"Timestamp": 1}}',
        b"\xff" + line(),
        line(Dimensions=[["missing"]]),
        line(Metrics=[{"Name": "Missing"}]),
        line().replace(b"3.0", b'"many"'),
        line().replace(b"3.0", b"NaN"),
        line().replace(b"3.0", b"1e999"),
    ],
)
def test_lines_that_are_not_valid_emf_have_no_samples(text: bytes) -> None:
    assert list(samples(text)) == []
