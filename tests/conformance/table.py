"""Generates the table in docs/parity.md from the tests: `python -m tests.conformance.table`."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.catalogue import Behaviour, Requirement, behaviour_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "parity.md"
BEGIN, END = "<!-- behaviours: begin -->", "<!-- behaviours: end -->"
_MODULES = (
    "handshake",
    "authorizer",
    "events",
    "routes",
    "quotas",
    "throttling",
    "management",
    "lifetime",
    "http_tokens",
    "http_events",
    "http_results",
)
_BY_URL = {
    Requirement.MESSAGES: "any stack",
    Requirement.PROBE: "probe",
    Requirement.STRICT: "strict probe",
    Requirement.CLOCK: "no: clock",
    Requirement.PROCESS: "no: in process",
}
_THREAD = re.compile(r"https://github\.com/[^/]+/([^/]+)/(?:issues|pull)/(\d+)")


def rows() -> Iterator[tuple[str, str, str, Behaviour]]:
    """Section, module, test and behaviour of each test, in the order of the files."""
    for name in _MODULES:
        module = importlib.import_module(f"tests.conformance.test_{name}")
        section = (module.__doc__ or "").splitlines()[0].rstrip(".")
        for test, function in vars(module).items():
            if (row := behaviour_of(function)) is not None:
                yield section, f"test_{name}", test, row


def render() -> str:
    """Render the table, with a section for each test module."""
    lines: list[str] = []
    section = ""
    for title, module, test, row in rows():
        if title != section:
            section = title
            lines += [
                "",
                f"### {title}",
                "",
                f"Tests: `tests/conformance/{module}.py`",
                "",
                "| behaviour | what AWS does | test | sources | confidence | by URL |",
                "|---|---|---|---|---|---|",
            ]
        sources = ", ".join(f"[{_label(source)}]({source})" for source in row.sources)
        by_url = _BY_URL[row.requires] + (", `SLOW=1`" if row.slow else "")
        cells = (row.title, row.aws, f"`{test}`", sources, row.confidence.value, by_url)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines).strip()


def written() -> str:
    """The table in the document."""
    text = DOCUMENT.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


def update() -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{render()}\n\n{END}{rest.split(END)[1]}")


def _label(source: str) -> str:
    if thread := _THREAD.match(source):
        return f"{thread[1]} #{thread[2]}"
    if "/developerguide/" in source:
        return "guide"
    host = source.split("/")[2].removeprefix("www.")
    return {"repost.aws": "re:Post", "rfc-editor.org": "RFC 6455", "github.com": "model"}.get(
        host, host
    )


if __name__ == "__main__":
    update()
    sys.stdout.write(f"{DOCUMENT} has {len(list(rows()))} behaviours\n")
