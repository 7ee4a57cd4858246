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
    """Memory of the processes that lived to the end of a soak test."""
    end = max(each.seconds[-1] for each in series)
    return lines(
        "Memory of each process in a soak test",
        "MB",
        {
            f"{each.name} {each.pid}": [
                (second / 60, rss) for second, rss in zip(each.seconds, each.rss_mb, strict=True)
            ]
            for each in series
            if each.judged(end)
        },
    )


def main(samples: Path) -> None:
    """Write the chart of a file of samples."""
    with samples.open() as file:
        (FOLDER / "soak.svg").write_text(soak_chart(read_series(file)))


if __name__ == "__main__":
    with standard_streams():
        main(Path(sys.argv[1]))
