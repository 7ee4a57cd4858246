"""Runs the local stack as a child process of another program.

with launch(verify_signatures=False) as endpoints:
    connect(endpoints.websocket_url)
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from local.base import processes
from local.base.errors import StartError
from local.endpoints import Endpoints

_ROOT = Path(__file__).resolve().parent.parent
_STOP_TIMEOUT_SECONDS = 15.0

#: `extra_args` for load tests: disables API Gateway's throttling.
UNTHROTTLED = ("--throttles=0",)


@contextlib.contextmanager
def launch(
    *,
    port: int = 0,
    verify_signatures: bool = True,
    reload: bool = False,
    extra_args: Sequence[str] = (),
    ready_timeout_seconds: float = 120.0,
) -> Iterator[Endpoints]:
    """Run `python -m local` until the block ends; `port` 0 takes a free port.

    `reload` follows changes of the code. `extra_args` are passed to the command line. The kernel
    kills the stack when the calling thread ends. Raises StartError with the last lines of the
    stack's standard error if it does not start.
    """
    command = [sys.executable, "-m", "local", "--ready-json", f"--port={port}", *extra_args]
    if not verify_signatures:
        command.append("--no-verify-signatures")
    if not reload:
        command.append("--no-reload")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            # The stack ends with its caller. After the fork this runs a single system call, so
            # locks that other threads hold cannot block it.
            preexec_fn=processes.die_with_parent(os.getpid()),  # noqa: PLW1509
        )
        try:
            yield _ready(process, errors, ready_timeout_seconds)
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[bytes], errors: IO[bytes], timeout: float) -> Endpoints:
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise StartError(f"not ready within {timeout:g} s\n{_tail(errors)}")
            chunk = os.read(process.stdout.fileno(), 65_536)
            if not chunk:
                status = process.wait(_STOP_TIMEOUT_SECONDS)
                raise StartError(f"ended with status {status}\n{_tail(errors)}")
            line += chunk
    return Endpoints.from_json(json.loads(line))


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    return "\n".join(errors.read().decode(errors="replace").splitlines()[-20:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_TIMEOUT_SECONDS)
    assert process.stdout is not None
    process.stdout.close()
