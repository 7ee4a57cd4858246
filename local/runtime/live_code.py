"""The source of a running stack's functions, and its hot reload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from infrastructure.compute.code import ALL_BUT_SYNTHESIS, LEFT_OUT, LITTER
from local.base.state_dir import StateDir
from local.runtime.code_copy import CodeCopy
from local.runtime.code_files import CodeFiles
from local.runtime.functions import Functions
from local.runtime.reload import Reloader
from local.template import synthesis
from local.template.model import Stack


@dataclass(frozen=True)
class LiveCode:
    """A stack whose functions run from a copy of their source; see Reloader for `restart_only`."""

    stack: Stack
    code: CodeCopy
    restart_only: CodeCopy | None = None

    def start_reloading(
        self, functions: Functions, report: Callable[[str], None]
    ) -> Callable[[], None]:
        """Reload changes from now on; returns a function that stops this.

        If the kernel's limits prevent watching, the stack runs without reloading.
        """
        try:
            reloader = Reloader(self.code, self.restart_only, functions, report)
            reloader.start()
        except OSError as error:
            report(f"hot reload is off: {error.strerror}; see fs.inotify in `sysctl -a`")
            return lambda: None
        return reloader.stop


def from_repository(stack: Stack, state: StateDir) -> LiveCode:
    """The code of this repository's own stack."""
    live = _live(stack, CodeFiles(synthesis.ROOT, LEFT_OUT), state)
    template = CodeFiles(synthesis.ROOT, ALL_BUT_SYNTHESIS)
    restart_only = CodeCopy(template, state.fresh_folder("synthesized"))
    restart_only.update()
    return replace(live, restart_only=restart_only)


def from_folder(stack: Stack, source: Path, state: StateDir) -> LiveCode:
    """The code of another stack, all of whose functions are in `source`."""
    return _live(stack, CodeFiles(source, LITTER), state)


def _live(stack: Stack, source: CodeFiles, state: StateDir) -> LiveCode:
    # Not the asset itself: the next synthesis would reuse it with the changes in it.
    copy = CodeCopy(source, state.fresh_folder("code"))
    copy.update()
    functions = {
        name: replace(function, code=copy.folder) for name, function in stack.functions.items()
    }
    return LiveCode(replace(stack, functions=functions), copy)
