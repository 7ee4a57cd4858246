"""docs/operations.md documents what exists, and nothing else."""

from __future__ import annotations

import re

from infrastructure.stage.context import config_from
from shared.utils.settings import tunable
from tests.infrastructure.assembly import ROOT, Assembly

CHECKLIST = (ROOT / "docs" / "deploy-checklist.md").read_text()
TEXT = (ROOT / "docs" / "operations.md").read_text()


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_exactly_the_alarms_are_documented(assembly: Assembly) -> None:
    existing = {
        alarm["AlarmName"].removeprefix("lingocast-dev-")
        for alarm in assembly.of_type("AWS::CloudWatch::Alarm").values()
    }
    explained = re.findall(r"^\| `([a-z-]+)` \|", section("Alarms"), re.MULTILINE)

    assert explained == sorted(existing)


def emitted_metrics() -> set[str]:
    """Names of our metrics, from the calls that emit them."""
    calls = re.compile(r"_?telemetry\.(?:count|count_by|duration)\(\s*\"(\w+)\"")
    forwarded = re.compile(r"\(\"(\w+)\", result\.\w+_(?:count|removed)\)")
    sources = [
        path.read_text()
        for package in ("shared", "interpreter")
        for path in (ROOT / package).rglob("*.py")
    ]
    return {name for text in sources for call in (calls, forwarded) for name in call.findall(text)}


def test_exactly_the_metrics_are_documented() -> None:
    explained = re.findall(r"^\| `([A-Z]\w+)` \|", section("Dashboard"), re.MULTILINE)

    assert explained == sorted(emitted_metrics())


def test_every_setting_and_deployment_option_is_documented() -> None:
    read: list[str] = []

    def context(name: str) -> None:
        read.append(name)

    config_from(context)
    stages = section("Stages")

    assert [name for name in (*tunable(), *read) if name not in stages] == []


def test_every_output_is_documented(prod: Assembly) -> None:
    assert [name for name in prod.template["Outputs"] if f"`{name}`" not in TEXT] == []


def test_documented_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (?:-s )?([a-z][a-z0-9-]*)", TEXT))

    assert {"deploy", "diff", "outputs", "user", "token", "smoke", "destroy"} <= named
    assert named <= targets
    assert set(re.findall(r"`make ([a-z-]+)", CHECKLIST)) <= targets


def test_the_checklist_names_existing_resources_and_options(prod: Assembly) -> None:
    named = set(re.findall(r"lingocast-(?:prod|\$STAGE)-([a-z0-9-]+)", CHECKLIST))
    properties = [
        value
        for resource in prod.template["Resources"].values()
        for value in resource.get("Properties", {}).values()
        if isinstance(value, str)
    ]
    existing = {text.partition("lingocast-prod-")[2] for text in properties}

    assert named <= existing
    for chosen in re.findall(r"`(?:ARGS=\"--context )?([a-zA-Z]+)=[a-z]+\"?`", CHECKLIST):
        assert f"`{chosen}=" in section("Stages")


def test_the_checklist_is_linked() -> None:
    for page in ("README.md", "docs/operations.md"):
        assert "deploy-checklist.md" in (ROOT / page).read_text()


def test_links_within_the_page_have_targets() -> None:
    headings = re.findall(r"^##+ (.+)$", TEXT, re.MULTILINE)
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


def test_the_cost_of_alarms_is_correct(prod: Assembly) -> None:
    watched = 0
    for alarm in prod.of_type("AWS::CloudWatch::Alarm").values():
        watched += sum("MetricStat" in item for item in alarm.get("Metrics", ())) or 1

    assert f"({watched} metrics at $0.10: ${watched / 10:.2f} a month)" in section("Costs")
