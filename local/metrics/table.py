"""Metrics as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from rich import box
from rich.table import Table
from rich.text import Text

from local.metrics.figures import PERCENTILES, WINDOW_SECONDS, Figures, Tally

#: The dimension that every metric has: the function.
_SERVICE = "service"


def table(figures: Sequence[Figures], title: str) -> Table:
    """A row for each series: counts of the last seconds and of all the time, durations in ms."""
    rows = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    rows.add_column("metric", no_wrap=True)
    rows.add_column("by")
    heads = (f"{WINDOW_SECONDS} s", "per s", *(f"p{each} ms" for each in PERCENTILES), "all")
    for head in heads:
        rows.add_column(head, justify="right", no_wrap=True)
    prefix = _common_prefix(figures)
    for each in figures:
        recent = _amount(each, each.recent)
        rows.add_row(
            each.name,
            Text(_by(each, prefix)),
            _number(recent),
            f"{recent / WINDOW_SECONDS:.1f}",
            *_percentiles(each),
            _number(_amount(each, each.overall)),
        )
    return rows


def _by(figures: Figures, prefix: str) -> str:
    """The function, and what else tells this series from others."""
    others = [f"{name} {value}" for name, value in figures.dimensions if name != _SERVICE]
    return ", ".join([*(service.removeprefix(prefix) for service in _services(figures)), *others])


def _services(figures: Figures) -> list[str]:
    return [value for name, value in figures.dimensions if name == _SERVICE]


def _common_prefix(figures: Sequence[Figures]) -> str:
    """What all functions' names begin with, as a stack's do; nothing if there is only one."""
    names = {service for each in figures for service in _services(each)}
    if len(names) < 2:
        return ""
    columns = zip(*(name.split("-") for name in names), strict=False)
    same = takewhile(lambda words: len(set(words)) == 1, columns)
    return "".join(f"{words[0]}-" for words in same)


def _amount(figures: Figures, tally: Tally) -> float:
    """Of durations how many; of counts their sum."""
    return tally.count if figures.is_duration else tally.total


def _percentiles(figures: Figures) -> list[Text]:
    """Those of the last seconds; dim ones of all the time if there was nothing lately."""
    if not figures.is_duration:
        return [Text()] * len(PERCENTILES)
    lately = figures.recent.count > 0
    tally = figures.recent if lately else figures.overall
    style = "" if lately else "dim"
    return [Text(f"{tally.percentile(each) or 0:,.1f}", style=style) for each in PERCENTILES]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
