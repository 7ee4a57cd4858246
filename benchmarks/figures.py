"""Statistics of measurements, and their progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Measured value that `share` (0 to 1) of the values do not exceed; NaN if there are none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def microseconds_each(seconds: Mapping[str, float], count: int) -> dict[str, float]:
    """Seconds by name as µs for each of `count` things."""
    return {name: round(value * 1e6 / max(count, 1), 1) for name, value in seconds.items()}


def log(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)
