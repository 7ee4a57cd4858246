"""Terminal output: permanent lines, and one progress line that is updated in place.

Without a terminal (a pipe, a log file) progress is a plain line every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.text import Text

from client.connection.catching_up import CatchUpCounts
from client.escaping import printable
from client.flows.streaming import StreamReport
from client.playback.interpretation_latency import InterpretationLatencySummary
from client.playback.interruptions import InterruptionCounts
from client.playback.jitter import JitterCounts
from client.playback.latency import LatencySummary
from client.playback.playout import ListenStats, Playout
from client.protocol.events import Interruption
from shared.protocol.announcement_messages import Coverage
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import SessionStatus

_PLAIN_SECONDS = 5.0
_LIVE_SECONDS = 0.1
# Hide a partial caption that is not updated: its speaker has stopped.
_PARTIAL_SECONDS = 5.0
# Show the end of a partial caption: new words are appended.
_PARTIAL_CHARACTERS = 60


class Display:
    """Prints lines and progress; a context manager that restores the terminal."""

    def __init__(
        self, console: Console | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._monotonic = monotonic
        self._status: Status | None = None
        self._next = monotonic() + _PLAIN_SECONDS
        self._audience = ""  # appended to the progress of a stream
        self._partial = ""  # partial caption, appended to the progress
        self._partial_until = 0.0
        self.playout: Playout | None = None  # for the listener's summary

    def print(self, line: str, style: str = "") -> None:
        """Print a permanent line; control characters are shown as escapes."""
        self._console.print(Text(printable(line), style=style))

    def progress(self, describe: Callable[[], str]) -> None:
        """Update the progress line, at a limited rate."""
        now = self._monotonic()
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status("")
                self._status.start()
                self._next = now
            if now >= self._next:
                self._status.update(Text(describe()))
                self._next = now + _LIVE_SECONDS
        elif now >= self._next:
            self.print(describe())
            self._next = now + _PLAIN_SECONDS

    def show_sent(self, report: StreamReport) -> None:
        """Show the progress of an outgoing stream."""
        self.progress(lambda: describe_stream(report) + self._audience)

    def set_audience(self, status: SessionStatus) -> None:
        """Add the audience to the progress of the outgoing stream."""
        self._audience = f", {describe_audience(status)}"

    def track_playout(self, playout: Playout) -> None:
        """Keep the playout for the summary, without showing progress."""
        self.playout = playout

    def show_playout(self, playout: Playout) -> None:
        """Show the progress of playback."""
        self.track_playout(playout)
        self.progress(lambda: describe_playout(playout.stats()) + self._partial_caption())

    def show_caption(self, caption: Caption) -> None:
        """Print a final caption; show a partial one behind the progress of a terminal."""
        if caption.final:
            self._partial = ""
            self.print(describe_caption(caption))
        elif self._console.is_terminal:
            self._partial = printable(caption.text)[-_PARTIAL_CHARACTERS:]
            self._partial_until = self._monotonic() + _PARTIAL_SECONDS

    def _partial_caption(self) -> str:
        if not self._partial or self._monotonic() >= self._partial_until:
            return ""
        return f" | {self._partial} …"

    def close(self) -> None:
        """End the progress line; printing lines still works."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def count(number: int, noun: str) -> str:
    """`1 chunk`, `2 chunks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def describe_stream(report: StreamReport, verb: str = "speaking") -> str:
    """`speaking: 3.2 s of 7.1 s, 16 chunks sent`, plus counts of chunks that were lost."""
    seconds = report.captured * report.chunk_ms / 1000
    total = "" if report.total is None else f" of {report.total * report.chunk_ms / 1000:.1f} s"
    line = f"{verb}: {seconds:.1f} s{total}, {count(report.sent, 'chunk')} sent"
    if report.dropped:
        line += f", {report.dropped} dropped (network slow or down)"
    if report.refused:
        line += f", {report.refused} refused"
    if report.off_air:
        line += f", {report.off_air} not sent while another interpreter was the voice"
    return line


def describe_audience(status: SessionStatus) -> str:
    """`15 listeners (es 10, fr 5)`."""
    if status.listener_count == 0:
        return "no listeners"
    by_language = _by_language(status.language_distribution)
    return f"{count(status.listener_count, 'listener')}{by_language}"


def describe_coverage(coverage: Coverage) -> str:
    """`delivered to 15 (es 10, fr 5), acknowledged by 2 (es 2)`."""
    by_language = sorted(coverage.languages.items())
    delivered = _by_language({name: counts.delivered for name, counts in by_language})
    acknowledged = _by_language({name: counts.acknowledged for name, counts in by_language})
    return (
        f"delivered to {coverage.delivered}{delivered}, "
        f"acknowledged by {coverage.acknowledged}{acknowledged}"
    )


def _by_language(counts: dict[str, int]) -> str:
    counted = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return f" ({counted})" if counted else ""


def describe_playout(stats: ListenStats) -> str:
    """`heard: 16 chunks, 0 gaps, 0 late, latency p50 12 ms, p95 18 ms, p99 31 ms`."""
    return f"heard: {_counts(stats.counts)}{_latency(stats.latency)}"


def describe_interruption(interruption: Interruption) -> str:
    """`You missed 1.4 s (7 chunks).`"""
    seconds = interruption.missed_ms / 1000
    if interruption.recovered:
        return "You missed nothing."
    if interruption.chunks is None:
        return f"You missed up to {seconds:.1f} s."
    return f"You missed {seconds:.1f} s ({count(interruption.chunks, 'chunk')})."


def describe_interruptions(counts: InterruptionCounts) -> str:
    """`2 interruptions, 1 without loss: up to 1.4 s missed`."""
    return (
        f"{count(counts.interruptions, 'interruption')}, {counts.recovered} without loss: "
        f"up to {counts.missed_ms / 1000:.1f} s missed"
    )


def describe_caption(caption: Caption) -> str:
    """`[es] Hola.`, marked if it was not spoken."""
    unspoken = "" if caption.spoken else ", not spoken"
    return f"[{caption.language}{unspoken}] {caption.text}"


def describe_interpretation(latency: InterpretationLatencySummary, playout_delay_ms: float) -> str:
    """Latency of interpretation. Percentiles are per stage and need not add up to the total."""
    p50 = _stages(latency, lambda stage: stage.p50)
    p95 = _stages(latency, lambda stage: stage.p95)
    missed = latency.sentences - latency.measured
    unmeasured = f" ({missed} not measured)" if missed else ""
    return (
        f"interpreted: {count(latency.sentences, 'sentence')}{unmeasured}, "
        f"latency from end of sentence to first sound received p50 {p50}, p95 {p95}; "
        f"playback up to {playout_delay_ms:.0f} ms later"
    )


def _stages(
    latency: InterpretationLatencySummary, percentile: Callable[[LatencySummary], float]
) -> str:
    return (
        f"{percentile(latency.total):.0f} ms (recognise {percentile(latency.recognise):.0f}, "
        f"translate {percentile(latency.translate):.0f}, speak {percentile(latency.speak):.0f}, "
        f"deliver {percentile(latency.deliver):.0f})"
    )


def _counts(counts: JitterCounts) -> str:
    line = f"{count(counts.played, 'chunk')}, {count(counts.gaps, 'gap')}, {counts.late} late"
    if counts.gap_chunks:
        line += f", {counts.gap_chunks} not played"
    if counts.withheld:
        line += f", {counts.withheld} withheld by pauses"
    return line


def _latency(latency: LatencySummary | None) -> str:
    if latency is None:
        return ""
    return f", latency p50 {latency.p50:.0f} ms, p95 {latency.p95:.0f} ms, p99 {latency.p99:.0f} ms"


def print_catch_up_summary(display: Display, counts: CatchUpCounts) -> None:
    """Print what was skipped because the network was too slow, if anything."""
    if counts.restarts:
        times = "once" if counts.restarts == 1 else f"{counts.restarts} times"
        display.print(
            f"The network was too slow: skipped to live {times}, "
            f"{count(counts.skipped, 'late chunk')} dropped."
        )


def print_playout_summary(display: Display, recorded: str | None) -> None:
    """End the progress; print the playback's figures and the line about its recording."""
    display.close()
    if display.playout is None:
        return
    stats = display.playout.stats()
    display.print(describe_playout(stats))
    if stats.interruptions.interruptions:
        display.print(describe_interruptions(stats.interruptions))
    if stats.interpretation is not None:
        display.print(describe_interpretation(stats.interpretation, display.playout.delay_ms))
    if recorded is not None:
        display.print(recorded)
