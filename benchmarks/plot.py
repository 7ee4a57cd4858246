"""Draws the charts of benchmarks/README.md as SVG.

    python -m benchmarks.plot

The input is benchmarks/results.json: the last lines of the runs that the README quotes.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from shared.utils.standard_streams import standard_streams

FOLDER = Path(__file__).parent
WIDTH, ROW, LEFT, RIGHT = 640, 26, 250, 90


def bars(title: str, unit: str, rows: list[tuple[str, float]], limit: float | None = None) -> str:
    """Chart of horizontal bars, with a vertical line at `limit`, the largest acceptable value."""
    longest = max([value for _, value in rows] + [limit or 0])
    scale = (WIDTH - LEFT - RIGHT) / longest
    height = 44 + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>',
    ]
    for index, (label, value) in enumerate(rows):
        top = 34 + ROW * index
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{max(1, value * scale):.1f}" height="18"'
            ' fill="#2a6f97"/>',
            f'<text x="{LEFT + value * scale + 6:.1f}" y="{top + 14}">{value:g} {unit}</text>',
        ]
    if limit is not None:
        x = LEFT + limit * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="30" x2="{x:.1f}" y2="{height - 6}" stroke="#c1121f"'
            ' stroke-dasharray="4 3"/>'
        )
    return "\n".join([*parts, "</svg>", ""])


def lines(title: str, unit: str, rows: dict[str, list[tuple[float, float]]]) -> str:
    """Chart of lines over minutes, with the last value of each."""
    left, right, top, bottom = 44, 190, 34, 24
    height = 320
    end = max((x for row in rows.values() for x, _ in row), default=1) or 1
    largest = max((y for row in rows.values() for _, y in row), default=1)

    def place(x: float, y: float) -> str:
        across = left + x / end * (WIDTH - left - right)
        return f"{across:.1f},{height - bottom - y / largest * (height - top - bottom):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="8" y="20" font-weight="bold" font-size="13">{escape(title)}</text>',
        f'<polyline points="{place(0, largest)} {place(0, 0)} {place(end, 0)}" fill="none"'
        ' stroke="#888"/>',
        f'<text x="{left - 6}" y="{top + 4}" text-anchor="end">{largest:.0f}</text>',
        f'<text x="{left - 6}" y="{height - bottom}" text-anchor="end">0</text>',
        f'<text x="{WIDTH - right}" y="{height - 8}" text-anchor="end">{end:.0f} min</text>',
    ]
    # By size, so that the labels have the order of the lines.
    ordered = sorted(rows.items(), key=lambda row: -row[1][-1][1])
    for number, (name, row) in enumerate(ordered):
        colour = f"hsl({number * 360 // len(rows)} 65% 40%)"
        parts += [
            f'<polyline points="{" ".join(place(x, y) for x, y in row)}" fill="none"'
            f' stroke="{colour}" stroke-width="1.5"/>',
            f'<text x="{WIDTH - right + 10}" y="{top + 4 + 15 * number}" fill="{colour}">'
            f"{escape(name)}: {row[-1][1]:.0f} {unit}</text>",
        ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Write one file per chart."""
    results = json.loads((FOLDER / "results.json").read_text())
    fanout = results["fanout"]
    (FOLDER / "fanout.svg").write_text(
        bars(
            "CPU of one PostToConnection, 8.6 KB over TLS, 100 in flight",
            "µs",
            [
                ("connection gateway", fanout["ours_us"]),
                ("boto3 in 100 threads", fanout["boto3_us"]),
            ],
        )
    )
    gateway = results["gateway"]["servers"]
    (FOLDER / "gateway.svg").write_text(
        bars(
            "Deliveries through @connections, 8.6 KB to 200 listeners",
            "/s",
            [
                ("local gateway", round(gateway["ours"]["deliveries"]["rps"])),
                ("without checks", round(gateway["ours_unverified"]["deliveries"]["rps"])),
                ("serverless-offline", round(gateway["serverless_offline"]["deliveries"]["rps"])),
                (
                    "with --useInProcess",
                    round(gateway["serverless_offline_in_process"]["deliveries"]["rps"]),
                ),
            ],
        )
    )
    (FOLDER / "shards.svg").write_text(
        bars(
            "CPU per chunk on its critical path (own core for each function)",
            "ms",
            [
                (f"{size} listeners, {name}", run["own_cores_ms"])
                for size, runs in results["shards"]["sizes"].items()
                for name, run in runs.items()
            ],
            limit=200,
        )
    )
    audiences = results["audiences"]
    (FOLDER / "audiences.svg").write_text(
        bars(
            "An announcement to 1 000 connections; a message between devices (limit 150)",
            "ms",
            [
                ("announced: last of 1 000", audiences["announce_last_ms"]),
                *((f"relayed: {name}", audiences[f"relay_{name}_ms"]) for name in ("p50", "p99")),
            ],
            limit=150,
        )
    )
    interpretation = results["interpretation"]
    (FOLDER / "interpretation.svg").write_text(
        bars(
            "End of sentence to first translated sound (limits: p50 800, p95 1 200)",
            "ms",
            [
                *(
                    (f"median: {stage}", interpretation[f"{stage}_p50_ms"])
                    for stage in ("recognise", "translate", "speak", "deliver")
                ),
                *((f"total, {name}", interpretation[f"{name}_ms"]) for name in ("p50", "p95")),
            ],
            limit=1_200,
        )
    )
    live = results["live"]
    (FOLDER / "live.svg").write_text(
        bars(
            "Latency over the whole local path (late from 400 ms)",
            "ms",
            [
                (f"{run['listeners']} listeners, {name}", run[f"{name}_ms"])
                for run in live
                for name in ("p50", "p95", "p99")
            ],
            limit=400,
        )
    )
    (FOLDER / "simulation.svg").write_text(
        bars(
            "Simulated: from receipt of a chunk to its last post (median)",
            "ms",
            [
                (f"{row['listeners']} listeners, chunkMs {row['chunk_ms']}", row["chunk_p50_ms"])
                for row in results["simulation"]["rows"]
            ],
        )
    )


if __name__ == "__main__":
    with standard_streams():
        main()
