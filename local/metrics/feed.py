"""From a stack's logs to the figures of its metrics."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from local.metrics.emf import samples
from local.metrics.figures import WINDOW_SECONDS, Board, Figures
from local.metrics.tail import FolderTail
from shared.utils.clock import Clock


class Feed:
    """Reads what is new in the logs of one folder; a context manager that closes them."""

    def __init__(self, logs: Path, clock: Clock) -> None:
        self.logs = logs
        self._clock = clock
        self._tail = FolderTail(logs)
        self._board = Board()

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tail.close()

    def read(self) -> None:
        """Take in what has been logged since the last time."""
        for line in self._tail.lines():
            for sample in samples(line):
                self._board.add(sample, self._clock.now_ms())

    def figures(self) -> list[Figures]:
        """All series as they are now, by name."""
        return list(self._board.figures(self._clock.now_ms()))

    @property
    def left_out(self) -> int:
        """Samples that are in no series, as there are too many."""
        return self._board.left_out

    def as_json(self) -> dict[str, Any]:
        """All figures for other programs."""
        return {
            "logs": str(self.logs),
            "recentSeconds": WINDOW_SECONDS,
            "leftOut": self.left_out,
            "metrics": [figures.as_json() for figures in self.figures()],
        }
