"""Running stacks whose rules of time run when a test says so, not in the middle of it.

A periodic status between a join and the status that the join brings about says first what that
would have said; then no status follows.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from local.endpoints import Endpoints
from local.launch import launch

# Longer than any test.
_NEVER_SECONDS = 3_600


def launch_quiet(*arguments: str) -> AbstractContextManager[Endpoints]:
    """As `launch`, with more of its arguments."""
    return launch(extra_args=[f"--schedule-seconds={_NEVER_SECONDS}", *arguments])


def runner_of(endpoints: Endpoints) -> psutil.Process:
    """The process of a stack that this one has launched."""
    port = endpoints.websocket_url.rpartition(":")[2].partition("/")[0]
    (runner,) = (
        process
        for process in psutil.Process().children()
        if any(str(each.laddr.port) == port for each in process.net_connections("tcp"))
    )
    return runner


def state_of(endpoints: Endpoints) -> Path:
    """The folder of a stack that this process has launched."""
    (lock,) = (
        path
        for file in runner_of(endpoints).open_files()
        if (path := Path(file.path)).name == "lock"
    )
    return lock.parent
