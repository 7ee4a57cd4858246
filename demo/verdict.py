"""Whether what was heard is what was said, and by how much it is not. Pure."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

from demo.scenario import Outcome

_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One listener's account, in chunks and ms."""

    language: str
    heard: str
    expected: int
    delivered: int
    missing: int
    late: int
    p50: float | None
    p95: float | None
    p99: float | None
    difference: str | None  # None: sample for sample the same

    @property
    def fine(self) -> bool:
        """Everything came, in time and unchanged."""
        return self.difference is None and not self.missing and not self.late


def judge(outcome: Outcome) -> Row:
    """The account of one listener, with its file compared to what was sent."""
    stats, expected = outcome.stats, outcome.expected
    latency = stats.latency
    return Row(
        language=outcome.language,
        heard=stats.language or "nothing",
        expected=expected.total,
        delivered=stats.counts.received,
        missing=expected.total - stats.counts.received,
        late=stats.counts.late,
        p50=latency.p50 if latency else None,
        p95=latency.p95 if latency else None,
        p99=latency.p99 if latency else None,
        difference=difference(b"".join(expected.chunks), samples_of(outcome.file)),
    )


def samples_of(file: Path) -> bytes:
    """The samples in a WAV file that this project wrote."""
    with wave.open(str(file), "rb") as sound:
        samples: bytes = sound.readframes(sound.getnframes())
    return samples


def difference(said: bytes, heard: bytes, sample_rate: int = 16_000) -> str | None:
    """Where two recordings first differ, in words; None if they are the same."""
    if said == heard:
        return None
    if not heard:
        return "nothing was heard"

    def at(offset: int) -> str:
        return f"{offset / _SAMPLE_BYTES / sample_rate:.2f} s"

    if said.startswith(heard):
        return f"it ends after {at(len(heard))} of {at(len(said))}"
    if heard.startswith(said):
        return f"it goes on for {at(len(heard) - len(said))} after the end"
    first = next(i for i, pair in enumerate(zip(said, heard, strict=False)) if pair[0] != pair[1])
    return f"it differs from {at(first)} on"
