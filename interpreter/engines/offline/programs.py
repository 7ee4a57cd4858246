"""Programs that the offline engine requires, and the packages to install."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path

from interpreter.engine import EngineUnavailableError

# Folder of pipeline descriptions in Debian's packages: https://wiki.apertium.org/wiki/Modes
MODES = Path("/usr/share/apertium/modes")

# A file that shows each Debian package is installed: a program, or a pipeline description.
_PROGRAMS: Mapping[str, str] = {"espeak-ng": "espeak-ng", "apertium": "apertium-transfer"}
_PAIRS: Mapping[str, str] = {
    "apertium-eng-spa": "eng-spa.mode",
    "apertium-eng-cat": "eng-cat.mode",
}
_PYTHON = "pocketsphinx"


def missing(modes: Path = MODES, path: str | None = None) -> str | None:
    """One line that says what to install; None if nothing is missing.

    Searches `path` for programs, by default the environment's PATH. Only reads directories.
    """
    debian = [
        *(name for name, program in _PROGRAMS.items() if shutil.which(program, path=path) is None),
        *(name for name, mode in _PAIRS.items() if not (modes / mode).is_file()),
    ]
    remedies = []
    if debian:
        remedies.append(f"apt-get install {' '.join(debian)}")
    if importlib.util.find_spec(_PYTHON) is None:
        remedies.append("pip install -r requirements.txt")
    if not remedies:
        return None
    return f"programs of the offline engine are missing on this machine: {'; '.join(remedies)}"


def require(modes: Path = MODES, path: str | None = None) -> None:
    """Raise EngineUnavailableError with the line of `missing`, if there is one."""
    line = missing(modes, path)
    if line is not None:
        raise EngineUnavailableError(line)
