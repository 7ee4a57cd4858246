"""Report of missing programs, in one line that names the packages."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from interpreter.engine import EngineUnavailableError
from interpreter.engines.offline import programs
from interpreter.engines.offline.engine import OfflineEngine

PROGRAMS = ("espeak-ng", "apertium-transfer")
MODES = ("eng-spa.mode", "eng-cat.mode")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Folder with all programs and modes."""
    for name in (*PROGRAMS, *MODES):
        path = tmp_path / name
        path.touch()
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def test_nothing_is_missing_when_everything_is_installed(machine: Path) -> None:
    assert programs.missing(machine, str(machine)) is None
    programs.require(machine, str(machine))


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("espeak-ng", "espeak-ng"),
        ("apertium-transfer", "apertium"),
        ("eng-spa.mode", "apertium-eng-spa"),
        ("eng-cat.mode", "apertium-eng-cat"),
    ],
)
def test_a_missing_file_is_reported_by_its_package(machine: Path, file: str, package: str) -> None:
    (machine / file).unlink()

    line = programs.missing(machine, str(machine))

    assert line is not None
    assert line.endswith(f"apt-get install {package}")
    with pytest.raises(EngineUnavailableError) as fault:
        programs.require(machine, str(machine))
    assert str(fault.value) == line
    assert not fault.value.retryable


def test_one_line_names_all_missing_packages(tmp_path: Path) -> None:
    line = programs.missing(tmp_path, str(tmp_path))

    assert line is not None
    assert line.endswith("apt-get install espeak-ng apertium apertium-eng-spa apertium-eng-cat")
    assert "\n" not in line


def test_missing_programs_make_the_engine_unavailable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="apertium-eng-spa apertium-eng-cat"):
        OfflineEngine(tmp_path)
