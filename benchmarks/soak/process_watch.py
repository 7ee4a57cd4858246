"""Memory and descriptors of processes over time, and whether they stay flat. Linux's /proc."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple, TextIO

from benchmarks.cpu_time import command_line, descendants

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MB = 1024 * 1024

#: The name of the process whose descendants are the functions' workers and the database. Its
#: descriptors are counted without the sockets of these.
STACK = "stack"

#: Memory may grow by this share from the second to the last sixth of a process's life.
MAX_GROWTH = 0.05
#: Descriptors may grow by that share and this number: connections come and go.
MAX_MORE_DESCRIPTORS = 5
# A worker's first fan-out opens kept-alive connections to @connections, which may come late.
_KEPT_CONNECTIONS = 100 + MAX_MORE_DESCRIPTORS
_MAX_WORKER_DESCRIPTORS = 140
_CONNECTION_MB = 0.06
# What may fill up slowly. dynalite's live heap stays at 9 MB, but garbage and LevelDB's caches grow
# for about a hundred thousand requests, from 90 to 130 MB.
_CACHES_MB = {"dynalite": 40}
#: A process is judged if it has lived for this share of the run; younger ones are warming up.
MIN_SHARE = 0.5
# A sixth must have several samples, or its median means nothing.
_MIN_SAMPLES = 12


@dataclass
class ProcessSeries:
    """The samples of one process: seconds since the start, memory (MB), open descriptors."""

    pid: int
    name: str
    seconds: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def judged(self, run_seconds: float) -> bool:
        """Whether it has lived long enough to be judged, until the end of the run."""
        if len(self.seconds) < _MIN_SAMPLES:
            return False
        return self.seconds[-1] - self.seconds[0] >= MIN_SHARE * run_seconds

    @property
    def growth(self) -> float:
        """Growth of its memory, as a share."""
        early, late = second_and_last_sixth(self.rss_mb)
        return late / early - 1

    @property
    def verdict(self) -> str:
        """`flat`, `connections` (flat but for those that a fan-out keeps) or `GROWS`."""
        before, now = second_and_last_sixth(self.descriptors)
        more = now - before
        kept = more <= _KEPT_CONNECTIONS and now <= _MAX_WORKER_DESCRIPTORS
        early, late = second_and_last_sixth(self.rss_mb)
        limit = early * (1 + MAX_GROWTH) + _CACHES_MB.get(self.name, 0)
        if more <= MAX_GROWTH * before + MAX_MORE_DESCRIPTORS:
            return "flat" if late <= limit else "GROWS"
        return "connections" if kept and late <= limit + _CONNECTION_MB * more else "GROWS"


def second_and_last_sixth(values: Sequence[float]) -> tuple[float, float]:
    """Medians of the second and the last sixth; the first sixth is the warm-up."""
    return median(_sixth(values, 1)), median(_sixth(values, 5))


def _sixth(values: Sequence[float], number: int) -> Sequence[float]:
    """One of six parts of almost equal length; at least one value."""
    start = number * len(values) // 6
    return values[start : max((number + 1) * len(values) // 6, start + 1)]


class ProcessWatch:
    """Samples processes and their descendants; writes each sample to `file` as a line of JSON."""

    def __init__(self, names: dict[int, str], file: TextIO | None = None) -> None:
        self._names = names
        self._file = file
        self._series: dict[int, ProcessSeries] = {}

    def sample(self, seconds: float) -> None:
        """Take one sample of every process."""
        workers = {pid: descendants(pid) for pid in self._names}
        usages = {pid: _usage(pid) for pid in set(workers).union(*workers.values())}
        for pid, usage in sorted(usages.items()):
            if usage is None:
                continue  # it has ended meanwhile
            descriptors = usage.descriptors
            if self._names.get(pid) == STACK:
                # Each connection of a worker or of the database has an end in the stack.
                others = (usages[each] for each in workers[pid])
                descriptors -= sum(other.sockets for other in others if other is not None)
            if pid not in self._series:
                self._series[pid] = ProcessSeries(pid, self._names.get(pid) or _name_of(pid))
            series = self._series[pid]
            series.seconds.append(round(seconds, 1))
            series.rss_mb.append(usage.rss_mb)
            series.descriptors.append(descriptors)
            self._write(series)

    @property
    def series(self) -> list[ProcessSeries]:
        """All processes seen, by name and age."""
        return sorted(self._series.values(), key=lambda each: (each.name, each.pid))

    def _write(self, series: ProcessSeries) -> None:
        if self._file is not None:
            line = {
                "seconds": series.seconds[-1],
                "pid": series.pid,
                "name": series.name,
                "rssMb": series.rss_mb[-1],
                "descriptors": series.descriptors[-1],
            }
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


def read_series(lines: Iterable[str]) -> list[ProcessSeries]:
    """The series that a ProcessWatch has written."""
    found: dict[int, ProcessSeries] = {}
    for line in lines:
        sample = json.loads(line)
        series = found.setdefault(sample["pid"], ProcessSeries(sample["pid"], sample["name"]))
        series.seconds.append(sample["seconds"])
        series.rss_mb.append(sample["rssMb"])
        series.descriptors.append(sample["descriptors"])
    return list(found.values())


def table(series: Sequence[ProcessSeries], run_seconds: float) -> str:
    """One line for each process."""
    lines = [f"{'process':<22}{'pid':>8}{'min':>6}{'RSS MB':>17}{'growth':>8}{'fds':>13}  verdict"]
    for each in series:
        rss, fds = second_and_last_sixth(each.rss_mb), second_and_last_sixth(each.descriptors)
        minutes = (each.seconds[-1] - each.seconds[0]) / 60
        verdict = each.verdict if each.judged(run_seconds) else "too short to judge"
        lines.append(
            f"{each.name:<22}{each.pid:>8}{minutes:>6.1f}{rss[0]:>8.1f} →{rss[1]:>7.1f}"
            f"{each.growth:>8.1%}{fds[0]:>6.0f} →{fds[1]:>5.0f}  {verdict}"
        )
    return "\n".join(lines)


class _Usage(NamedTuple):
    rss_mb: float
    descriptors: int
    sockets: int


def _usage(pid: int) -> _Usage | None:
    """What a process uses now; None if it has ended."""
    folder = _PROC / str(pid)
    try:
        pages = int((folder / "statm").read_text().split()[1])
        targets = [_target(each) for each in (folder / "fd").iterdir()]
    except OSError:
        return None
    sockets = sum(each.startswith("socket:") for each in targets)
    return _Usage(round(pages * _PAGE_BYTES / _MB, 2), len(targets), sockets)


def _target(descriptor: Path) -> str:
    """What a descriptor refers to; empty if it has been closed meanwhile."""
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _name_of(pid: int) -> str:
    """A short name: the function of a worker, or the program."""
    words = command_line(pid).split()
    if "awslambdaric" in words:
        return words[-1].split(".")[1]
    if any("dynalite" in word for word in words):
        return "dynalite"
    return Path(words[0]).name if words else "?"
