"""The account of a smoke test: its steps, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from client.playback.latency import LatencySummary
from shared.utils.clock import Clock

Status = Literal["ok", "failed", "not run"]
_STYLES: dict[Status, str] = {"ok": "green", "failed": "bold red", "not run": "dim"}


class StepError(Exception):
    """A step saw something else than it expected; `remedy` is what to do about it."""

    def __init__(self, came: str, remedy: str | None = None) -> None:
        super().__init__(came)
        self.came = came
        self.remedy = remedy


@dataclass(slots=True)
class Step:
    """One thing that must work; `ms` is how long it took."""

    name: str
    expected: str
    status: Status = "not run"
    ms: float | None = None
    detail: str = ""  # what is worth knowing of a success
    came: str | None = None  # instead of what was expected
    remedy: str | None = None


@dataclass(slots=True)
class SmokeReport:
    """All steps, done or not, and how late chunks came, by the language of the listener."""

    url: str  # without a query, which may hold a token
    steps: list[Step]
    latencies: dict[str, LatencySummary] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything worked."""
        return all(step.status == "ok" for step in self.steps)

    @property
    def failure(self) -> Step | None:
        """The step that did not work."""
        return next((step for step in self.steps if step.status == "failed"), None)

    @contextmanager
    def step(self, name: str, clock: Clock) -> Iterator[Step]:
        """Do a step of that name: what it raises makes it fail, and goes on to the caller."""
        step = next(step for step in self.steps if step.name == name)
        started = clock.monotonic()
        step.status = "failed"
        try:
            yield step
            step.status = "ok"
        except StepError as fault:
            step.came, step.remedy = fault.came, fault.remedy
            raise
        finally:
            step.ms = (clock.monotonic() - started) * 1000


def as_json(report: SmokeReport) -> str:
    """One JSON object; times in ms."""
    return json.dumps(
        {
            "ok": report.ok,
            "url": report.url,
            "steps": [asdict(step) for step in report.steps],
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


def show(report: SmokeReport, console: Console) -> None:
    """A table of the steps, one of the latencies, and what to do if something failed."""
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
        for language, found in report.latencies.items():
            figures = (found.p50, found.p95, found.maximum)
            latencies.add_row(language, str(found.count), *(f"{value:.0f}" for value in figures))
        console.print(latencies)
    if failure := report.failure:
        console.print(Text(f"failed: {failure.name}", "bold red"))
        console.print(Text(f"  expected: {failure.expected}"))
        console.print(Text(f"  came:     {failure.came}"))
        if failure.remedy:
            console.print(Text(f"  remedy:   {failure.remedy}"))
    else:
        console.print(Text("Everything works.", "bold green"))
