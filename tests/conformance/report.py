"""The listing of `make conformance`: each behaviour, how it went, and who says it is so."""

from __future__ import annotations

import pytest

from tests.conformance.catalogue import MARK, Behaviour

LEFT_OUT = pytest.StashKey[dict[pytest.Item, str]]()
_OUTCOMES = pytest.StashKey[dict[str, tuple[Behaviour, bool]]]()


def remember(item: pytest.Item, *, passed: bool) -> None:
    """A behaviour is ok if all its tests are."""
    mark = item.get_closest_marker(MARK)
    if mark is None:
        return
    outcomes = item.config.stash.setdefault(_OUTCOMES, {})
    row: Behaviour = mark.args[0]
    before = outcomes.get(row.title, (row, True))[1]
    outcomes[row.title] = (row, before and passed)


def write(terminal: pytest.TerminalReporter) -> None:
    """Print it."""
    config = terminal.config
    outcomes = config.stash.get(_OUTCOMES, {})
    terminal.section("behaviours")
    for row, passed in outcomes.values():
        verdict = "ok    " if passed else "FAILED"
        terminal.write_line(f"{verdict}  {row.title}", green=passed, red=not passed)
        terminal.write_line(f"          {row.confidence.value}: {' '.join(row.sources)}")
    reasons: dict[str, list[str]] = {}
    for item, reason in config.stash.get(LEFT_OUT, {}).items():
        mark = item.get_closest_marker(MARK)
        titles = reasons.setdefault(reason, [])
        title = mark.args[0].title if mark else item.name
        if title not in titles:
            titles.append(title)
    for reason, titles in reasons.items():
        terminal.section(f"not run here: {reason}")
        for title in titles:
            terminal.write_line(f"  {title}")
    good = sum(passed for _, passed in outcomes.values())
    terminal.write_line(f"{good} of {len(outcomes)} behaviours as on AWS")
