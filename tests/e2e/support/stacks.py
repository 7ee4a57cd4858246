"""Local stacks for end-to-end tests, over templates that are synthesized once.

Scheduled rules run when a test invokes them, not by the clock: otherwise a periodic status could
come between a join and the status that the join causes, and replace it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import psutil

from local.endpoints import Endpoints
from local.launch import launch
from local.overrides import LOCAL_SETTINGS
from tests.infrastructure.assembly import NO_BUNDLING, synthesize

#: Longer than any test (s).
NO_SCHEDULES_SECONDS = 3_600


def launch_quiet(
    *arguments: str, settings: Mapping[str, str] | None = None
) -> AbstractContextManager[Endpoints]:
    """Launch a stack with more command-line arguments, and settings of its functions."""
    template = template_with(settings or {})
    return launch(
        extra_args=[
            f"--template={template}",
            f"--schedule-seconds={NO_SCHEDULES_SECONDS}",
            *arguments,
        ]
    )


def template_with(settings: Mapping[str, str]) -> Path:
    """The template that `python -m local` synthesizes with these settings, cached."""
    return _synthesized(tuple(sorted({**LOCAL_SETTINGS, **settings}.items())))


@cache
def _synthesized(settings: tuple[tuple[str, str], ...]) -> Path:
    output = Path(tempfile.mkdtemp(dir=_folder().name)) / "cdk.out"
    context = {**NO_BUNDLING, "settings": dict(settings)}
    return synthesize(output, "dev", context).template_file


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder, removed when this process ends."""
    return tempfile.TemporaryDirectory(prefix="lingocast-templates-")


def runner_of(endpoints: Endpoints) -> psutil.Process:
    """The process of a stack that this process has launched."""
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
