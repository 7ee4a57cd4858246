"""Compares what listeners heard with what was said."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

from demo.scenario import ListenerOutcome

_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class ListenerResult:
    """A listener's result: counts in chunks, latencies in ms."""

    language: str
    heard: str
    expected: int
    delivered: int
    missing: int
    late: int
    p50: float | None
    p95: float | None
    p99: float | None
    difference: str | None  # None if all samples are identical

    @property
    def passed(self) -> bool:
        """Whether all chunks arrived in time and unchanged."""
        return self.difference is None and not self.missing and not self.late


def evaluate(outcome: ListenerOutcome) -> ListenerResult:
    """Compare a listener's recording with what was sent."""
    stats, expected = outcome.stats, outcome.expected
    latency = stats.latency
    return ListenerResult(
        language=outcome.language,
        heard=stats.language or "nothing",
        expected=expected.total,
        delivered=stats.counts.received,
        missing=expected.total - stats.counts.received,
        late=stats.counts.late,
        p50=latency.p50 if latency else None,
        p95=latency.p95 if latency else None,
        p99=latency.p99 if latency else None,
        difference=difference(b"".join(expected.chunks), read_samples(outcome.file)),
    )


def read_samples(file: Path) -> bytes:
    """Samples of a WAV file written by this project."""
    with wave.open(str(file), "rb") as sound:
        samples: bytes = sound.readframes(sound.getnframes())
    return samples


def difference(said: bytes, heard: bytes, sample_rate: int = 16_000) -> str | None:
    """Describe where two recordings first differ; None if they are identical."""
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
