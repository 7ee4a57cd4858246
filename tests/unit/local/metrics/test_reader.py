"""From log lines to series."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from local.metrics.reader import MetricsReader
from tests.helpers.doubles import ManualClock


def document(name: str, value: float, **dimensions: str) -> str:
    clock = ManualClock()
    directive = {
        "Namespace": "Lingocast",
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    head = {"Timestamp": clock.now_ms(), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": head, name: value, **dimensions}) + "\n"


def test_each_name_and_set_of_dimensions_is_a_series(tmp_path: Path) -> None:
    sent = [
        document("Sent", 1, Role=role, Reason=reason)
        for role, reason in itertools.product(("listener", "speaker"), ("idle", "replaced"))
    ]
    failed = [document("Failed", 2), document("Failed", 3)]
    (tmp_path / "a.log").write_text("".join(sent + failed))
    reader = MetricsReader(tmp_path, ManualClock())
    reader.read()

    found = reader.summaries()
    assert [each.name for each in found] == ["Failed", *["Sent"] * 4]
    assert found[0].overall.total == 5
    assert len({each.dimensions for each in found[1:]}) == 4
