"""Hot reload: functions run what is saved, from the next message on, and connections stay.

An invocation that arrives after a file was saved runs the new code. It waits until nothing has
changed for 50 ms, so that a burst of changes counts as one, and for a new worker of its function
to start (about half a second). Nothing is asked of the disk while nothing changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local.runtime.code_copy import CodeCopy
from local.runtime.functions import Functions
from local.runtime.inotify import Inotify

# A burst is over when nothing has changed for so long; one without an end is cut (s).
_QUIET_SECONDS = 0.05
_LONGEST_BURST_SECONDS = 1.0

Report = Callable[[str], None]


class Reloader:
    """Takes changes of the source over, and replaces the workers of all functions.

    `restart_only` is what takes effect at the next start only; a change of it is told.
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
        self._inotify = Inotify()
        self._burst_began: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch from now on. Raises OSError if the kernel watches no more for this user."""
        self._watch()
        self._loop.add_reader(self._inotify.descriptor, self._look)
        # What changed while the functions started.
        self._changed()
        self._functions.before_each(self._look)

    def stop(self) -> None:
        """Watch no more."""
        self._loop.remove_reader(self._inotify.descriptor)
        self._inotify.close()
        self._functions.before_each(lambda: None)
        if self._timer is not None:
            self._timer.cancel()
        if self._renewal is not None:
            self._renewal.cancel()

    def _look(self) -> None:
        """Hold invocations if anything of importance has changed. Costs a microsecond if not."""
        if any(self._matters(path) for path in self._inotify.read()):
            self._changed()

    def _matters(self, path: Path) -> bool:
        for copy in self._copies():
            source = copy.source
            if path.is_relative_to(source.root) and source.includes(
                path.relative_to(source.root).as_posix()
            ):
                return True
        return False

    def _changed(self) -> None:
        now = self._loop.time()
        if self._burst_began is None:
            self._burst_began = now
            self._functions.hold()
        if self._timer is not None:
            self._timer.cancel()
        at = min(now + _QUIET_SECONDS, self._burst_began + _LONGEST_BURST_SECONDS)
        self._timer = self._loop.call_at(at, self._take_over)

    def _take_over(self) -> None:
        self._burst_began = self._timer = None
        # First the watches: what is saved in a new folder before its watch is seen by the update.
        self._watch()
        if self._restart_only is not None and (changed := self._restart_only.update()):
            self._report(f"{_named(changed)} changed: restart the stack for it to take effect")
        changed = self._code.update()
        if not changed:
            self._functions.resume()
            return
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = self._loop.create_task(self._renew(changed))

    async def _renew(self, changed: Sequence[str]) -> None:
        began = time.perf_counter()
        what = f"{_named(changed)} changed"
        if await self._functions.renew(
            lambda why: self._report(f"{what}, functions fail until this is right: {why}")
        ):
            self._report(f"{what}, new workers after {time.perf_counter() - began:.1f} s")

    def _watch(self) -> None:
        for copy in self._copies():
            for folder in copy.source.folders():
                try:
                    self._inotify.watch(folder)
                except FileNotFoundError:  # removed meanwhile
                    continue

    def _copies(self) -> list[CodeCopy]:
        return [self._code] if self._restart_only is None else [self._code, self._restart_only]


def _named(paths: Sequence[str]) -> str:
    """The first path, and how many more there are."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
