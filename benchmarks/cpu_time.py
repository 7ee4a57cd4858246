"""CPU time of processes, their descendants and their roles, from Linux's /proc (see proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class CpuReading:
    """CPU times so far (s): of processes by ID, and of the whole machine; and when (monotonic)."""

    processes: Mapping[int, RoleTime]
    machine: float
    at: float

    def spent_since(self, before: CpuReading) -> dict[str, float]:
        """Seconds by role since an earlier reading, of processes that still run."""
        spent = dict.fromkeys(ROLES, 0.0)
        for pid, (role, seconds) in self.processes.items():
            earlier = before.processes.get(pid)
            spent[role] += seconds - (earlier.seconds if earlier else 0.0)
        return spent

    def cores_elsewhere_since(self, before: CpuReading) -> float:
        """Cores that all other processes of the machine used on average, and its host took."""
        spent = self.machine - before.machine - sum(self.spent_since(before).values())
        return round(max(0.0, spent) / (self.at - before.at), 2)


def read_cpu() -> CpuReading:
    """Read the times of this process and its descendants, and of the machine."""
    pids = {os.getpid()} | descendants(os.getpid())
    times = {pid: RoleTime(role_of(command_line(pid)), own_cpu_seconds(pid)) for pid in pids}
    # user, nice, system, idle, iowait, irq, softirq, steal
    fields = [int(field) for field in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    busy = sum(fields) - fields[3] - fields[4]
    return CpuReading(times, busy / _TICKS_PER_SECOND, time.monotonic())
