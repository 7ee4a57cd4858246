"""The files that are code, and the copy that functions run from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infrastructure.compute.code import ALL_BUT_SYNTHESIS, LEFT_OUT, LITTER
from local.runtime.code_copy import CodeCopy
from local.runtime.code_files import CodeFiles


def write(root: Path, *paths: str, text: str = "") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize(
    ("path", "included"),
    [
        ("shared/models/errors.py", True),
        ("lambda/requirements.txt", True),
        ("shared", True),
        ("shared2/x.py", False),
        ("app.py", False),
        ("tests/shared/x.py", False),
        ("shared/.env", False),
        ("shared/.idea/x.py", False),
        ("shared/__pycache__", False),
        ("shared/__pycache__/x.cpython-313.pyc", False),
        ("shared/x.pyc", False),
        ("shared/x.py~", False),
        ("shared/.x.py.swp", False),
        ("shared/x.py.tmp", False),
    ],
)
def test_the_code_is_its_packages_without_litter(path: str, *, included: bool) -> None:
    assert CodeFiles(Path(), LEFT_OUT).includes(path) is included


@pytest.mark.parametrize(
    ("path", "included"),
    [("app.py", True), ("infrastructure/catalogue/routes.py", True), ("shared/x.py", False)],
)
def test_files_that_only_synthesis_reads(path: str, *, included: bool) -> None:
    assert CodeFiles(Path(), ALL_BUT_SYNTHESIS).includes(path) is included


@pytest.mark.parametrize(
    ("rule", "matched", "not_matched"),
    [
        ("*.md", ["a.md"], ["a/b.md", "amd"]),
        ("**/*.md", ["a.md", "a/b/c.md"], ["a.mdx"]),
        ("a/?.py", ["a/b.py"], ["a/bc.py", "a/b/c.py", "b.py"]),
        ("docs", ["docs", "docs/a/b"], ["docs2", "a/docs"]),
    ],
)
def test_rules_are_those_of_a_dockerignore(
    rule: str, matched: list[str], not_matched: list[str]
) -> None:
    files = CodeFiles(Path(), [rule])
    assert [path for path in matched if files.includes(path)] == []
    assert [path for path in not_matched if not files.includes(path)] == []


def test_excluded_folders_are_not_walked(tmp_path: Path) -> None:
    write(tmp_path, "a/b/kept.py", "a/c/lost.py", "node_modules/x/y.py", "top.py")
    files = CodeFiles(tmp_path, ["*", "!a/b"])

    assert list(files.files()) == ["a/b/kept.py"]
    folders = {folder.relative_to(tmp_path.resolve()).as_posix() for folder in files.folders()}
    assert folders == {".", "a", "a/b"}


class Copied:
    """A source and its copy."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.target = folder / "copy"
        self.source.mkdir()
        self.target.mkdir()
        self.copy = CodeCopy(CodeFiles(self.source, LITTER), self.target)

    def contents(self) -> dict[str, str]:
        """The contents of the copied files by path."""
        return {
            path.relative_to(self.target).as_posix(): path.read_text()
            for path in self.target.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def copied(tmp_path: Path) -> Copied:
    return Copied(tmp_path)


def test_new_changed_and_removed_files_are_copied(copied: Copied) -> None:
    write(copied.source, "a.py", "p/b.py", "p/.hidden", text="one")
    assert copied.copy.update() == ["a.py", "p/b.py"]
    assert copied.copy.update() == []

    write(copied.source, "a.py", "q/c.py", text="two")
    (copied.source / "p/b.py").unlink()

    assert copied.copy.update() == ["a.py", "p/b.py", "q/c.py"]
    assert copied.contents() == {"a.py": "two", "q/c.py": "two"}


def test_saving_the_same_content_is_not_a_change(copied: Copied) -> None:
    write(copied.source, "a.py", text="one")
    copied.copy.update()
    os.utime(copied.source / "a.py", (1, 1))

    assert copied.copy.update() == []


def test_a_removed_package_leaves_no_folder(copied: Copied) -> None:
    write(copied.source, "p/q/a.py", "p/b.py")
    copied.copy.update()
    write(copied.target, "p/q/__pycache__/a.cpython-313.pyc")
    (copied.source / "p/q/a.py").unlink()
    copied.copy.update()

    assert not (copied.target / "p/q").exists()
    assert copied.contents() == {"p/b.py": ""}


def test_quick_changes_have_distinct_modification_times(copied: Copied) -> None:
    times = set()
    for text in ("one", "two", "six"):
        write(copied.source, "a.py", text=text)
        os.utime(copied.source / "a.py", (1_000, 1_000))
        copied.copy.update()
        times.add(int((copied.target / "a.py").stat().st_mtime))

    assert len(times) == 3
