"""Report of a smoke test: its steps, as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from client.playback.latency import LatencySummary
from shared.utils.clock import Clock

Status = Literal["ok", "failed", "not run"]
_STYLES: dict[Status, str] = {"ok": "green", "failed": "bold red", "not run": "dim"}


class StepError(Exception):
    """A step failed: `actual` is what happened instead, `hint` what to do about it."""

    def __init__(self, actual: str, hint: str | None = None) -> None:
        super().__init__(actual)
        self.actual = actual
        self.hint = hint


@dataclass(slots=True)
class Step:
    """A step of the test; `ms` is its duration."""

    name: str
    expected: str
    status: Status = "not run"
    ms: float | None = None
    detail: str = ""  # of a success
    actual: str | None = None  # of a failure, instead of what was expected
    hint: str | None = None


@dataclass(slots=True)
class SmokeReport:
    """All steps, run or not, and the latency of chunks by the listener's language."""

    url: str  # without its query, which may contain a token
    steps: list[Step]
    latencies: dict[str, LatencySummary] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether all steps succeeded."""
        return all(step.status == "ok" for step in self.steps)

    @property
    def failure(self) -> Step | None:
        """The failed step, if any."""
        return next((step for step in self.steps if step.status == "failed"), None)

    @contextmanager
    def step(self, name: str, clock: Clock) -> Iterator[Step]:
        """Run the step of this name. An exception fails the step and propagates."""
        step = next(step for step in self.steps if step.name == name)
        started = clock.monotonic()
        step.status = "failed"
        try:
            yield step
            step.status = "ok"
        except StepError as fault:
            step.actual, step.hint = fault.actual, fault.hint
            raise
        finally:
            step.ms = (clock.monotonic() - started) * 1000


def as_json(report: SmokeReport) -> str:
    """The report as one JSON object; times in ms."""
    return json.dumps(
        {
            "ok": report.ok,
            "url": report.url,
            "steps": [_step_as_json(step) for step in report.steps],
            "latencyMs": {
                language: {
                    "chunks": summary.count,
                    "p50": summary.p50,
                    "p95": summary.p95,
                    "max": summary.maximum,
                }
                for language, summary in report.latencies.items()
            },
        },
        indent=2,
    )


def _step_as_json(step: Step) -> dict[str, object]:
    return {
        "name": step.name,
        "expected": step.expected,
        "status": step.status,
        "ms": step.ms,
        "detail": step.detail,
        "came": step.actual,
        "remedy": step.hint,
    }


def print_report(report: SmokeReport, console: Console) -> None:
    """Print tables of the steps and latencies, and the failure with its hint."""
    steps = Table(title=f"Smoke test of {report.url}", title_justify="left", box=None)
    for title in ("step", "", "ms", ""):
        steps.add_column(title, justify="right" if title == "ms" else "left")
    for step in report.steps:
        ms = "" if step.ms is None else f"{step.ms:.0f}"
        steps.add_row(step.name, Text(step.status, _STYLES[step.status]), ms, Text(step.detail))
    console.print(steps)
    if report.latencies:
        latencies = Table(title="Latency in ms", title_justify="left", box=None)
        for title in ("listener", "chunks", "p50", "p95", "max"):
            latencies.add_column(title, justify="left" if title == "listener" else "right")
        for language, summary in report.latencies.items():
            figures = (summary.p50, summary.p95, summary.maximum)
            latencies.add_row(language, str(summary.count), *(f"{value:.0f}" for value in figures))
        console.print(latencies)
    if failure := report.failure:
        console.print(Text(f"failed: {failure.name}", "bold red"))
        console.print(Text(f"  expected: {failure.expected}"))
        console.print(Text(f"  actual:   {failure.actual}"))
        if failure.hint:
            console.print(Text(f"  hint:     {failure.hint}"))
    else:
        console.print(Text("Everything works.", "bold green"))
