"""The summary of `make conformance`: the result and the sources of each behaviour."""

from __future__ import annotations

import pytest

from tests.conformance.catalogue import MARK, Behaviour

SKIPPED = pytest.StashKey[dict[pytest.Item, str]]()
_OUTCOMES = pytest.StashKey[dict[str, tuple[Behaviour, bool]]]()


def record(item: pytest.Item, *, passed: bool) -> None:
    """Record a test's result; a behaviour is ok if all its tests pass."""
    mark = item.get_closest_marker(MARK)
    if mark is None:
        return
    outcomes = item.config.stash.setdefault(_OUTCOMES, {})
    row: Behaviour = mark.args[0]
    before = outcomes.get(row.title, (row, True))[1]
    outcomes[row.title] = (row, before and passed)


def write(terminal: pytest.TerminalReporter) -> None:
    """Write the summary."""
    config = terminal.config
    outcomes = config.stash.get(_OUTCOMES, {})
    terminal.section("behaviours")
    for row, passed in outcomes.values():
        status = "ok    " if passed else "FAILED"
        terminal.write_line(f"{status}  {row.title}", green=passed, red=not passed)
        terminal.write_line(f"          {row.confidence.value}: {' '.join(row.sources)}")
    reasons: dict[str, list[str]] = {}
    for item, reason in config.stash.get(SKIPPED, {}).items():
        mark = item.get_closest_marker(MARK)
        titles = reasons.setdefault(reason, [])
        title = mark.args[0].title if mark else item.name
        if title not in titles:
            titles.append(title)
    for reason, titles in reasons.items():
        terminal.section(f"not run here: {reason}")
        for title in titles:
            terminal.write_line(f"  {title}")
    conforming = sum(passed for _, passed in outcomes.values())
    terminal.write_line(f"{conforming} of {len(outcomes)} behaviours as on AWS")
