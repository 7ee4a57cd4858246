"""CPU time of processes and of all that they started, from Linux's /proc (see proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def children(pid: int) -> set[int]:
    """The processes that a process has started and that run still."""
    found: set[int] = set()
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            found.update(map(int, (thread / "children").read_text().split()))
    except OSError:  # it has ended
        pass
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time so far of a process and of all that still run below it."""
    try:
        # The second field is the name in parentheses, which may hold anything.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    own = (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
    return own + sum(map(cpu_seconds, children(pid)))


def descendants(pid: int) -> set[int]:
    """All processes that run below a process."""
    direct = children(pid)
    return direct.union(*map(descendants, direct))


def command_line(pid: int) -> str:
    """What a process was started as; empty if it has ended."""
    try:
        return (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
