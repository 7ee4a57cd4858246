"""CPU time of processes, their descendants and their roles, from Linux's /proc (see proc(5))."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
#: Part of a command line, and the role of that process. The gateway is the stack's main process.
_ROLES = {
    "-m awslambdaric": "functions",
    "dynalite.mjs": "database",
    "-m local": "gateway",
    "-m benchmarks.crowd": "clients",
    "-m benchmarks.bare_gateway": "gateway",
    "-m benchmarks.bare_sender": "functions",
}
#: Role of all other processes, such as the benchmark itself with its speaker.
OTHERS = "others"
#: All roles, in the order of reports.
ROLES = (*dict.fromkeys(_ROLES.values()), OTHERS)


class RoleTime(NamedTuple):
    """Role of a process, and its CPU time so far (s)."""

    role: str
    seconds: float


def children(pid: int) -> set[int]:
    """Running child processes of a process."""
    found: set[int] = set()
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            found.update(map(int, (thread / "children").read_text().split()))
    except OSError:  # the process has ended
        pass
    return found


def own_cpu_seconds(pid: int) -> float:
    """User and system time so far of a process alone; 0 if it has ended."""
    try:
        # The second field is the name in parentheses, which may contain any characters.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def cpu_seconds(pid: int) -> float:
    """User and system time so far of a process and its running descendants."""
    return own_cpu_seconds(pid) + sum(map(cpu_seconds, children(pid)))


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


def role_of(command: str) -> str:
    """Role of the process with this command line."""
    return next((role for part, role in _ROLES.items() if part in command), OTHERS)


def role_times() -> dict[int, RoleTime]:
    """Times of this process and its descendants, by process ID."""
    pids = {os.getpid()} | descendants(os.getpid())
    return {pid: RoleTime(role_of(command_line(pid)), own_cpu_seconds(pid)) for pid in pids}


def spent_by_role(
    before: Mapping[int, RoleTime], after: Mapping[int, RoleTime]
) -> dict[str, float]:
    """CPU seconds between two measurements, of processes that still run at the second."""
    spent = dict.fromkeys(ROLES, 0.0)
    for pid, (role, seconds) in after.items():
        spent[role] += seconds - (before[pid].seconds if pid in before else 0.0)
    return spent
