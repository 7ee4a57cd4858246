"""The files of a folder that rules in the syntax of a .dockerignore do not leave out.

Rules: https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path


class CodeFiles:
    """The files below `root` but those that `left_out` names; the last rule that fits counts."""

    def __init__(self, root: Path, left_out: Sequence[str]) -> None:
        self.root = root.resolve()
        # Each with whether it leaves out, or lets in again.
        self._rules = [
            (re.compile(_regex(rule.removeprefix("!"))), not rule.startswith("!"))
            for rule in left_out
        ]
        self._let_in = [rule[1:] for rule in left_out if rule.startswith("!")]

    def includes(self, relative: str) -> bool:
        """Whether a file or folder belongs to it, by its path from the root."""
        left_out = False
        for rule, leaves_out in self._rules:
            if rule.fullmatch(relative):
                left_out = leaves_out
        return not left_out

    def folders(self) -> Iterator[Path]:
        """The root and every folder below it where a file may belong to it."""
        for path, _, _ in self._walk():
            yield Path(path)

    def files(self) -> Iterator[str]:
        """The files, by their paths from the root."""
        for _, inside, names in self._walk():
            for name in names:
                if self.includes(inside + name):
                    yield inside + name

    def _walk(self) -> Iterator[tuple[str, str, list[str]]]:
        for path, folders, names in os.walk(self.root):
            inside = "" if path == str(self.root) else f"{os.path.relpath(path, self.root)}/"
            folders[:] = [name for name in folders if self._may_hold(inside + name)]
            yield path, inside, names

    def _may_hold(self, folder: str) -> bool:
        return self.includes(folder) or any(rule.startswith(f"{folder}/") for rule in self._let_in)


def _regex(rule: str) -> str:
    """What a rule matches, and everything below that."""
    parts = []
    for part in re.split(r"(\*\*/|\*|\?)", rule):
        parts.append({"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part))
    return "".join(parts) + "(?:/.*)?"
