"""Hot reload: the next message runs the saved code, and connections stay open.

An invocation that arrives after a save waits until nothing has changed for 50 ms, so that a burst
of changes counts as one, and until a new worker of its function has started (about half a second).
Without changes the disk is not read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local.runtime.code_copy import CodeCopy
from local.runtime.folder_watcher import FolderWatcher
from local.runtime.functions import Functions

# A burst ends after this time without changes, or at its maximum length (s).
_QUIET_SECONDS = 0.05
_MAX_BURST_SECONDS = 1.0

Report = Callable[[str], None]


class Reloader:
    """Copies changes of the source and replaces the workers of all functions.

    `restart_only` is code that takes effect only at the next start; its changes are reported.
    """

    def __init__(
        self,
        code: CodeCopy,
        restart_only: CodeCopy | None,
        functions: Functions,
        report: Report,
    ) -> None:
        self._code = code
        self._restart_only = restart_only
        self._functions = functions
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._watcher = FolderWatcher()
        self._burst_began: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._replacement: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start watching. Raises OSError at the kernel's limits for this user."""
        self._watch()
        self._loop.add_reader(self._watcher.descriptor, self._check)
        # Files can have changed while the functions started.
        self._hold()
        self._functions.before_invocation(self._check)

    def stop(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._watcher.descriptor)
        self._watcher.close()
        self._functions.before_invocation(lambda: None)
        if self._timer is not None:
            self._timer.cancel()
        if self._replacement is not None:
            self._replacement.cancel()

    def _check(self) -> None:
        """Hold invocations if code has changed; takes a microsecond if not."""
        if any(self._is_code(path) for path in self._watcher.read()):
            self._hold()

    def _is_code(self, path: Path) -> bool:
        for copy in self._copies():
            source = copy.source
            if path.is_relative_to(source.root) and source.includes(
                path.relative_to(source.root).as_posix()
            ):
                return True
        return False

    def _hold(self) -> None:
        """Hold invocations until the burst of changes ends."""
        now = self._loop.time()
        if self._burst_began is None:
            self._burst_began = now
            self._functions.hold()
        if self._timer is not None:
            self._timer.cancel()
        at = min(now + _QUIET_SECONDS, self._burst_began + _MAX_BURST_SECONDS)
        self._timer = self._loop.call_at(at, self._apply)

    def _apply(self) -> None:
        self._burst_began = self._timer = None
        # Watch first: the update then finds files saved in a new folder before it was watched.
        self._watch()
        if self._restart_only is not None and (changed := self._restart_only.update()):
            self._report(f"{_summary(changed)} changed: restart the stack for it to take effect")
        changed = self._code.update()
        if not changed:
            self._functions.resume()
            return
        if self._replacement is not None:
            self._replacement.cancel()
        self._replacement = self._loop.create_task(self._replace_workers(changed))

    async def _replace_workers(self, changed: Sequence[str]) -> None:
        began = time.perf_counter()
        what = f"{_summary(changed)} changed"
        if await self._functions.replace_workers(
            lambda error: self._report(f"{what}, functions fail until this is fixed: {error}")
        ):
            self._report(f"{what}, new workers after {time.perf_counter() - began:.1f} s")

    def _watch(self) -> None:
        for copy in self._copies():
            for folder in copy.source.folders():
                try:
                    self._watcher.watch(folder)
                except FileNotFoundError:  # the folder was removed meanwhile
                    continue

    def _copies(self) -> list[CodeCopy]:
        return [self._code] if self._restart_only is None else [self._code, self._restart_only]


def _summary(paths: Sequence[str]) -> str:
    """The first path, and the number of others."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
