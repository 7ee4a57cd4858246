"""The error catalogue is complete and matches the documentation."""

from __future__ import annotations

from pathlib import Path

from shared.models.errors import CATALOGUE, ErrorCode

DOCUMENT = Path(__file__).parents[4] / "docs" / "protocol" / "errors.md"


def test_every_code_has_a_plausible_entry() -> None:
    assert set(CATALOGUE) == set(ErrorCode)
    for code, kind in CATALOGUE.items():
        assert 400 <= kind.status < 600, code
        assert kind.retryable == (kind.status >= 429), code
        assert kind.when, code


def test_the_document_lists_exactly_the_catalogue() -> None:
    rows = [
        f"| {kind.status} | `{code}` | {'yes' if kind.retryable else 'no'} | {kind.when} |"
        for code, kind in CATALOGUE.items()
    ]
    documented = [
        line for line in DOCUMENT.read_text().splitlines() if line.startswith(("| 4", "| 5"))
    ]
    assert documented == rows
