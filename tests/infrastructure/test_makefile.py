"""Every make target works in a folder whose path contains spaces."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.assembly import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE)
# Files that the rules depend on; older than the stamps, so that nothing is installed.
SOURCES = (
    "requirements.txt",
    "requirements-dev.txt",
    "constraints.txt",
    "lambda/requirements.txt",
    "package.json",
    "package-lock.json",
    ".npmrc",
)
STAMPS = (".venv/.installed", "node_modules/.installed", ".venv/.installed-dev")
# A program that notes how it was called.
RECORDER = f"""#!/bin/sh
exec '{sys.executable}' -c '
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
' "$0" "$@"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile, and recorders for the programs that it runs."""
    clone = tmp_path / "with space" / "clone of it"
    for name in SOURCES:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
    shutil.copy(ROOT / "Makefile", clone)
    shutil.copytree(ROOT / "scripts", clone / "scripts")
    for program in ("python", "pip", "npm"):
        record(clone / ".venv" / "bin" / program)
    record(clone / "node_modules" / ".bin" / "cdk")
    for name in STAMPS:
        (clone / name).touch()
    (clone / "outputs-dev.json").touch()
    return clone


def record(program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(RECORDER)
    program.chmod(0o755)


def make(clone: Path, *arguments: str) -> list[list[str]]:
    """The commands of one run of make, as the programs received them."""
    calls = clone / "calls.jsonl"
    done = subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "CALLS": str(calls)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_in_a_path_with_spaces(clone: Path, target: str) -> None:
    calls = make(clone, target)

    programs = {Path(call[0]).name for call in calls}
    assert programs <= {"python", "cdk"}
    assert programs or target in {"help", "setup", "setup-dev", "clean"}


def test_installing_runs_in_a_path_with_spaces(clone: Path) -> None:
    for name in STAMPS:
        (clone / name).unlink()

    pip, npm, pip_dev = make(clone, "setup-dev")

    assert pip[:4] == pip_dev[:4] == [".venv/bin/python", "-m", "pip", "install"]
    assert npm == [str(clone / ".venv/bin/npm"), "ci", "--loglevel=error"]


def test_the_virtual_environment_is_made_in_a_path_with_spaces(clone: Path) -> None:
    shutil.rmtree(clone / ".venv")
    done = subprocess.run(
        ["make", "--dry-run", "setup-dev", "PYTHON=/with space/python"],
        cwd=clone,
        # Without MAKEFLAGS of the make that runs the tests.
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 'scripts/make-venv "/with space/python" ".venv"' in done.stdout
    assert str(clone) not in done.stdout


def test_the_cdk_gets_the_app_as_one_argument(clone: Path) -> None:
    (call,) = make(clone, "diff")
    assert call[call.index("--app") + 1] == ".venv/bin/python app.py"
