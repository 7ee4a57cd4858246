"""CPU time of processes and their descendants, from Linux's /proc (see proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def children(pid: int) -> set[int]:
    """Running child processes of a process."""
    found: set[int] = set()
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            found.update(map(int, (thread / "children").read_text().split()))
    except OSError:  # the process has ended
        pass
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time so far of a process and its running descendants."""
    try:
        # The second field is the name in parentheses, which may contain any characters.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    own = (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
    return own + sum(map(cpu_seconds, children(pid)))


def descendants(pid: int) -> set[int]:
    """All running descendants of a process."""
    direct = children(pid)
    return direct.union(*map(descendants, direct))


def command_line(pid: int) -> str:
    """Command line of a process; empty if it has ended."""
    try:
        return (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
