"""Selects the files of a folder with rules in the syntax of a .dockerignore.

Rules: https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path


class CodeFiles:
    """The files below `root` that `exclusions` do not match; the last matching rule wins."""

    def __init__(self, root: Path, exclusions: Sequence[str]) -> None:
        self.root = root.resolve()
        # Each rule, and whether it excludes or includes again.
        self._rules = [
            (re.compile(_regex(rule.removeprefix("!"))), not rule.startswith("!"))
            for rule in exclusions
        ]
        self._inclusions = [rule[1:] for rule in exclusions if rule.startswith("!")]

    def includes(self, relative: str) -> bool:
        """Whether a file or folder is included, by its path from the root."""
        excluded = False
        for rule, excludes in self._rules:
            if rule.fullmatch(relative):
                excluded = excludes
        return not excluded

    def folders(self) -> Iterator[Path]:
        """The root and every folder below it that can contain included files."""
        for path, _, _ in self._walk():
            yield Path(path)

    def files(self) -> Iterator[str]:
        """The included files, as paths from the root."""
        for _, inside, names in self._walk():
            for name in names:
                if self.includes(inside + name):
                    yield inside + name

    def _walk(self) -> Iterator[tuple[str, str, list[str]]]:
        for path, folders, names in os.walk(self.root):
            inside = "" if path == str(self.root) else f"{os.path.relpath(path, self.root)}/"
            folders[:] = [name for name in folders if self._may_contain(inside + name)]
            yield path, inside, names

    def _may_contain(self, folder: str) -> bool:
        return self.includes(folder) or any(
            rule.startswith(f"{folder}/") for rule in self._inclusions
        )


def _regex(rule: str) -> str:
    """A pattern for the paths that a rule matches and everything below them."""
    parts = []
    for part in re.split(r"(\*\*/|\*|\?)", rule):
        parts.append({"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part))
    return "".join(parts) + "(?:/.*)?"
