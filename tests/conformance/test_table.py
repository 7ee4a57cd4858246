"""The table in docs/parity.md matches the suite."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from tests.conformance import table

# Modules that test the suite itself.
OF_THE_SUITE = {"test_table", "test_selection", "test_probe_stack"}


def test_the_document_contains_the_generated_table() -> None:
    assert table.written() == table.render(), "run python -m tests.conformance.table"


def test_every_test_of_the_suite_is_in_the_table() -> None:
    defined = {
        node.name
        for path in Path(__file__).parent.glob("test_*.py")
        if path.stem not in OF_THE_SUITE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    }
    assert defined == {test for _, _, test, _ in table.rows()}


def test_every_behaviour_has_a_unique_title_and_a_source() -> None:
    rows = [row for _, _, _, row in table.rows()]
    assert [title for title, count in Counter(row.title for row in rows).items() if count > 1] == []
    for row in rows:
        assert row.sources, row.title
        assert all(source.startswith("https://") for source in row.sources), row.title
