"""The dashboard shows every alarm and every documented metric, and only existing resources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.infrastructure.assembly import ROOT, Assembly

_SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[\w,]+)\} (?P<terms>.*)', '\w+', \d+\)")


def widgets(assembly: Assembly) -> list[dict[str, Any]]:
    body = json.loads(assembly.only("AWS::CloudWatch::Dashboard")["DashboardBody"])
    found: list[dict[str, Any]] = body["widgets"]
    return found


def metrics(assembly: Assembly) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric in a widget."""
    for widget in widgets(assembly):
        for namespace, name, *rest in (
            item for item in widget["properties"].get("metrics", ()) if len(item) > 1
        ):
            words = [word for word in rest if isinstance(word, str)]
            yield namespace, name, dict(zip(words[::2], words[1::2], strict=True))


def searches(assembly: Assembly) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Searches of the widgets: the schema, and the terms with a value."""
    for widget in widgets(assembly):
        for item in widget["properties"].get("metrics", ()):
            expression = item[0].get("expression", "") if isinstance(item[0], dict) else ""
            if found := _SEARCH.fullmatch(expression):
                terms = dict(re.findall(r'(\w+)="([^"]+)"', found["terms"]))
                yield found["schema"].split(","), terms


def test_it_has_the_name_of_the_stack(assembly: Assembly, prod: Assembly) -> None:
    for each in (assembly, prod):
        dashboard = each.only("AWS::CloudWatch::Dashboard")
        assert dashboard["DashboardName"] == f"lingocast-{each.stage}"


def test_every_alarm_is_shown(assembly: Assembly) -> None:
    (shown,) = (item["properties"] for item in widgets(assembly) if item["type"] == "alarm")

    assert sorted(shown["alarms"]) == sorted(
        f"<{logical_id}.Arn>" for logical_id in assembly.of_type("AWS::CloudWatch::Alarm")
    )


def test_each_of_our_metrics_is_shown_for_a_function_that_emits_it(assembly: Assembly) -> None:
    text = (ROOT / "docs" / "operations.md").read_text().split("\n### Metrics\n")[1]
    explained = set(re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE))
    shown = {name for namespace, name, _ in metrics(assembly) if namespace == "Lingocast"}
    shown |= {terms["MetricName"] for _, terms in searches(assembly)}

    assert explained
    assert shown == explained


def test_dimensions_name_existing_functions_tables_queues_and_rules(assembly: Assembly) -> None:
    functions = {
        item["FunctionName"] for item in assembly.of_type("AWS::Lambda::Function").values()
    }
    existing = {
        "FunctionName": functions,
        "service": functions,
        "TableName": {
            item["TableName"] for item in assembly.of_type("AWS::DynamoDB::Table").values()
        },
        "QueueName": {item["QueueName"] for item in assembly.of_type("AWS::SQS::Queue").values()},
        "RuleName": {item["Name"] for item in assembly.of_type("AWS::Events::Rule").values()},
    }
    named: dict[str, set[str]] = {name: set() for name in existing}
    for dimensions in (
        *(dimensions for _, _, dimensions in metrics(assembly)),
        *(terms for _, terms in searches(assembly)),
    ):
        for name in existing.keys() & dimensions.keys():
            named[name].add(dimensions[name])

    for name, values in named.items():
        assert values, name
        assert values <= existing[name], name


def test_metrics_with_dimensions_are_searched_by_them(assembly: Assembly) -> None:
    found = {terms["MetricName"]: schema for schema, terms in searches(assembly)}

    assert found == {
        "AudioFormatHints": ["Lingocast", "service", "Direction"],
        "ConnectionTimeout": ["Lingocast", "service", "Role", "Reason"],
        "ConnectionErrors": ["Lingocast", "service", "Type"],
        "SyncMessagesRelayed": ["Lingocast", "service", "Kind"],
        "AnnouncementsMade": ["Lingocast", "service", "Scope"],
        "RequestsRefused": ["Lingocast", "service", "Reason"],
        "InterpreterFaults": ["Lingocast", "service", "Stage"],
        "InterpreterRuns": ["Lingocast", "service", "Ending"],
        "InterpreterUnspoken": ["Lingocast", "service", "Loss"],
    }


def test_searched_dimensions_are_emitted(assembly: Assembly) -> None:
    sources = "".join(
        path.read_text()
        for package in ("shared", "interpreter")
        for path in (ROOT / package).rglob("*.py")
    )
    for schema, terms in searches(assembly):
        (arguments,) = re.findall(rf'count_by\(\s*"{terms["MetricName"]}",([^)]*)', sources)
        assert re.findall(r"(\w+)=", arguments) == schema[2:]


def test_widgets_do_not_overlap(assembly: Assembly) -> None:
    taken = [
        (widget["x"] + x, widget["y"] + y)
        for widget in widgets(assembly)
        for x in range(widget["width"])
        for y in range(widget["height"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
