"""Which languages apertium translates English into here, and by which programs.

A `.mode` file is one line of shell: programs, joined by pipes, with `$1` and `$2` for what the
`apertium` command fills in, https://wiki.apertium.org/wiki/Modes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from interpreter.engine import EngineUnavailableError

# ISO 639-3, as pairs are named, to BCP 47: the languages of the released pairs with English.
_CODES: Mapping[str, str] = {
    "afr": "af", "cat": "ca", "cym": "cy", "deu": "de", "epo": "eo", "glg": "gl", "hin": "hi",
    "isl": "is", "ita": "it", "mkd": "mk", "nld": "nl", "por": "pt", "spa": "es", "swe": "sv",
}  # fmt: skip
_SOURCE = "eng-"
# The generator marks no unknown words; the tagger traces nothing.
_ARGUMENTS: Mapping[str, list[str]] = {"$1": ["-n"], "$2": []}
# Each program answers at a NUL what it was asked before it, and stays,
# https://wiki.apertium.org/wiki/NUL_flush
_NULL_FLUSH = "-z"


def pairs(modes: Path) -> dict[str, Path]:
    """The `.mode` files of what English can be translated into, by BCP 47 code."""
    found = ((mode, mode.stem.removeprefix(_SOURCE)) for mode in modes.glob(f"{_SOURCE}*.mode"))
    return {_CODES[code]: mode for mode, code in found if code in _CODES}


def stages(mode: Path) -> list[list[str]]:
    """The command lines of a pipeline that stays. Raises EngineUnavailableError for none."""
    try:
        line = mode.read_text(encoding="utf-8")
        words = shlex.shlex(line, posix=True, punctuation_chars="|")
        words.whitespace_split = True
        commands = _split(list(words))
    except (OSError, ValueError) as fault:
        raise EngineUnavailableError(f"{mode} describes no pipeline") from fault
    if not all(commands):
        raise EngineUnavailableError(f"{mode} describes no pipeline")
    return [[program, _NULL_FLUSH, *arguments] for program, *arguments in commands]


def _split(words: Sequence[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1] += _ARGUMENTS.get(word, [word])
    return commands
