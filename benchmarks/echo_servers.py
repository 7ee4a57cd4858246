"""The same echo app in the local gateway and in npm's serverless-offline.

Each runs in a separate process on 127.0.0.1 that stops at the end of its block.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cpu_time import children
from local.base import processes
from local.base.loopback import HOST
from local.launch import UNTHROTTLED, launch

_FOLDER = Path(__file__).parent
_TEMPLATE = _FOLDER / "echo" / "echo.template.json"
_SERVERLESS = _FOLDER / "serverless_offline"
_INSTALL_SECONDS = 600
_START_SECONDS = 60
_STOP_SECONDS = 10
# No telemetry, no update notifications, no prompts.
_QUIET = {
    "SLS_TELEMETRY_DISABLED": "1",
    "SLS_TRACKING_DISABLED": "1",
    "SLS_ANALYTICS_DISABLED": "1",
    "SLS_NOTIFICATIONS_MODE": "off",
    "SLS_INTERACTIVE_SETUP_ENABLE": "0",
}


@dataclass(frozen=True)
class EchoServer:
    """Addresses of the app, and the process that serves it."""

    websocket_url: str
    management_url: str
    pid: int


@contextmanager
def local_gateway(*, verify_signatures: bool) -> Iterator[EchoServer]:
    """Run the app in the local gateway, its Python functions in AWS's runtime client."""
    before = children(os.getpid())
    arguments = (f"--template={_TEMPLATE}", *UNTHROTTLED)
    with launch(verify_signatures=verify_signatures, extra_args=arguments) as endpoints:
        (pid,) = children(os.getpid()) - before
        yield EchoServer(endpoints.websocket_url, endpoints.management_url, pid)


def install() -> None:
    """Install serverless-offline from its lock file, unless it is up to date."""
    lock, done = _SERVERLESS / "package-lock.json", _SERVERLESS / "node_modules" / ".installed"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm", path=processes.venv_path())
    if npm is None:
        raise RuntimeError("npm is missing; `make setup` installs it")
    subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=_SERVERLESS,
        env={**os.environ, "PATH": processes.venv_path(), "NODE_USE_SYSTEM_CA": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=_INSTALL_SECONDS,
    )
    done.touch()


@contextmanager
def serverless_offline(*, in_process: bool) -> Iterator[EchoServer]:
    """The app in serverless-offline; its Node functions run in worker threads or `in_process`."""
    websocket, function, http = _free_ports(3)
    command = [
        processes.node_binary(),
        str(_SERVERLESS / "node_modules" / "serverless" / "bin" / "serverless.js"),
        *("offline", "start", "--noSponsor", f"--host={HOST}", f"--websocketPort={websocket}"),
        *(f"--lambdaPort={function}", f"--httpPort={http}"),
        *(("--useInProcess",) if in_process else ()),
    ]
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=_SERVERLESS,
            # It writes settings to its home directory.
            env={"PATH": processes.venv_path(), "HOME": home, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=processes.die_with_parent(os.getpid()),  # noqa: PLW1509 - see local.launch
        )
        try:
            if not _listens(process, websocket):
                log.seek(0)
                end = log.read().decode(errors="replace").splitlines()[-20:]
                raise RuntimeError("serverless-offline did not start:\n" + "\n".join(end))
            address = f"{HOST}:{websocket}"
            yield EchoServer(f"ws://{address}/", f"http://{address}", process.pid)
        finally:
            _stop(process)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind((HOST, 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the port accepts connections; return False after the timeout."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return True
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            return
