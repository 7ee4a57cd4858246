"""Installed apertium pairs from English, and the programs of their pipelines.

A `.mode` file is one line of shell: programs joined by pipes, with `$1` and `$2` as placeholders
that the `apertium` command fills in, https://wiki.apertium.org/wiki/Modes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from interpreter.engine import EngineUnavailableError

# ISO 639-3 codes, which pairs are named by, to BCP 47: all languages of released English pairs.
_CODES: Mapping[str, str] = {
    "afr": "af", "cat": "ca", "cym": "cy", "deu": "de", "epo": "eo", "glg": "gl", "hin": "hi",
    "isl": "is", "ita": "it", "mkd": "mk", "nld": "nl", "por": "pt", "spa": "es", "swe": "sv",
}  # fmt: skip
_SOURCE = "eng-"
# `-n` stops the generator from marking unknown words. The tagger gets no trace option.
_ARGUMENTS: Mapping[str, list[str]] = {"$1": ["-n"], "$2": []}
# Makes each program flush its output at a NUL and keep running:
# https://wiki.apertium.org/wiki/NUL_flush
_NULL_FLUSH = "-z"


def installed_pairs(modes: Path) -> dict[str, Path]:
    """Find the `.mode` files of pairs from English, by BCP 47 code of the target."""
    found = ((mode, mode.stem.removeprefix(_SOURCE)) for mode in modes.glob(f"{_SOURCE}*.mode"))
    return {_CODES[code]: mode for mode, code in found if code in _CODES}


def pipeline_commands(mode: Path) -> list[list[str]]:
    """Command lines of a pipeline that keeps running.

    Raises EngineUnavailableError if the file does not describe a pipeline.
    """
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
