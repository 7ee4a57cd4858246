"""No asyncio.Event is cleared: `clear` discards a `set` that no task has seen yet.

What changes more than once is waited for with `client.changes.Changes`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.infrastructure.assembly import ROOT

PACKAGES = ("shared", "lambda", "local", "client", "interpreter", "demo", "benchmarks")
MAKERS = {"asyncio.Event", "Event"}


def cleared_events(source: str) -> Iterator[str]:
    """Names that are bound to an asyncio.Event and cleared in the same module."""
    tree = ast.parse(source)
    events: set[str] = set()
    cleared: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            if ast.unparse(node.value.func) in MAKERS:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                events |= {ast.unparse(target) for target in targets}
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "clear"
        ):
            cleared.add(ast.unparse(node.func.value))
    yield from sorted(events & cleared)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_event_is_cleared(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in cleared_events(path.read_text())
    ]
    assert found == []


def test_a_cleared_event_is_found() -> None:
    source = (
        "class A:\n    def f(self):\n        self.e = asyncio.Event()\n        self.e.clear()\n"
    )
    assert list(cleared_events(source)) == ["self.e"]
    assert list(cleared_events("e = asyncio.Event()\nlines.clear()\n")) == []
