"""Byte code for the functions' Python version, whichever version deploys.

A function's files are read-only, so without byte code every cold start compiles what it imports.
Byte code depends on Python's minor version, not on the processor: Pyodide, which is CPython of that
version in WebAssembly, makes it on any machine with Node. The files are valid whatever their dates,
which archives do not keep (PEP 552, `unchecked-hash`). docs/decisions/0045-cold-start.md compares
other ways.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from infrastructure.stage.config import ConfigError

_COMPILER = Path(__file__).with_suffix(".mjs")
#: Folder of a function's code on Lambda; that of a layer is /opt.
CODE_PATH = "/var/task"
# Some thousand files take half a minute.
_TIMEOUT_SECONDS = 300


class ByteCodeError(ConfigError):
    """The files could not be compiled; the message includes the compiler's output."""


def compile_folder(folder: Path, path: str, runtime: str) -> None:
    """Compile the Python files in `folder`, which is `path` on Lambda.

    `runtime` is a Lambda runtime, such as python3.13. Raises ByteCodeError.
    """
    command = [
        # As in jsii, which runs this program's CDK.
        os.environ.get("JSII_NODE", "node"),
        str(_COMPILER),
        str(folder),
        path,
        runtime.removeprefix("python"),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ByteCodeError(f"cannot compile {folder}: {error}") from error
    if done.returncode:
        reason = done.stderr.strip() or f"node exited with {done.returncode}"
        raise ByteCodeError(
            f"cannot compile {folder}; `make setup` installs the compiler: {reason}"
        )
