"""Draws the memory of each process in a soak test as benchmarks/soak.svg.

    python -m benchmarks.soak.plot soak.jsonl

The input is the file that `python -m benchmarks.soak --series` has written.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.plot import FOLDER, lines
from benchmarks.soak.process_watch import ProcessSeries, read_series
from shared.utils.standard_streams import standard_streams


def soak_chart(series: list[ProcessSeries]) -> str:
    """Memory over time of the oldest process of each name."""
    oldest: dict[str, ProcessSeries] = {}
    for each in sorted(series, key=lambda one: one.seconds[0] - one.seconds[-1]):
        oldest.setdefault(each.name, each)
    return lines(
        "Memory in a soak test, the oldest process of each function",
        "MB",
        {
            name: [
                (second / 60, rss) for second, rss in zip(each.seconds, each.rss_mb, strict=True)
            ]
            for name, each in oldest.items()
        },
    )


def main(samples: Path) -> None:
    """Write the chart of a file of samples."""
    with samples.open() as file:
        (FOLDER / "soak.svg").write_text(soak_chart(read_series(file)))


if __name__ == "__main__":
    with standard_streams():
        main(Path(sys.argv[1]))
