"""Renders metrics as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from rich import box
from rich.table import Table
from rich.text import Text

from local.metrics.series import PERCENTILES, WINDOW_SECONDS, Distribution, Summary

#: The dimension that names the function.
_SERVICE = "service"


def metrics_table(summaries: Sequence[Summary], title: str) -> Table:
    """One row per series: the recent window, the rate, percentiles (ms) and the whole run."""
    table = Table(
        title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("metric", no_wrap=True)
    table.add_column("by")
    heads = (f"{WINDOW_SECONDS} s", "per s", *(f"p{each} ms" for each in PERCENTILES), "all")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    prefix = _stack_prefix(summaries)
    for summary in summaries:
        recent = _amount(summary, summary.recent)
        table.add_row(
            summary.name,
            Text(_dimensions(summary, prefix)),
            _number(recent),
            f"{recent / WINDOW_SECONDS:.1f}",
            *_percentiles(summary),
            _number(_amount(summary, summary.overall)),
        )
    return table


def _dimensions(summary: Summary, prefix: str) -> str:
    """The function without the stack's prefix, then the other dimensions."""
    named = dict(summary.dimensions)
    service = named.pop(_SERVICE, "").removeprefix(prefix)
    return ", ".join(filter(None, [service, *(f"{key} {value}" for key, value in named.items())]))


def _stack_prefix(summaries: Sequence[Summary]) -> str:
    """The words that the names of all functions start with."""
    services = {value for each in summaries for key, value in each.dimensions if key == _SERVICE}
    columns = zip(*(service.split("-") for service in services), strict=False)
    common = takewhile(lambda words: len(set(words)) == 1, columns)
    return "".join(f"{words[0]}-" for words in common)


def _amount(summary: Summary, values: Distribution) -> float:
    return values.count if summary.is_duration else values.total


def _percentiles(summary: Summary) -> list[Text]:
    """Percentiles of the recent window; dim ones of the whole run if it is empty."""
    if not summary.is_duration:
        return [Text()] * len(PERCENTILES)
    has_recent = summary.recent.count > 0
    values = summary.recent if has_recent else summary.overall
    style = "" if has_recent else "dim"
    return [Text(f"{values.percentile(each) or 0:,.1f}", style=style) for each in PERCENTILES]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
