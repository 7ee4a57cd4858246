"""Machine news and reports as text for people."""

from __future__ import annotations

from client.playback.latency import LatencyRecord, LatencySummary
from interpreter.engine import Stage
from interpreter.machine.report import (
    ConnectionLost,
    ConnectionRestored,
    EngineFailed,
    EngineSuspended,
    LeaseChanged,
    News,
    Report,
    SeatLeft,
    SeatNews,
)

_TASKS: dict[Stage, str] = {
    "recognise": "recognise speech",
    "translate": "translate",
    "speak": "speak",
}


def describe_news(news: News) -> str | None:
    """Describe news in one line; None for routine events."""
    match news:
        case LeaseChanged() | SeatLeft() | ConnectionLost() | ConnectionRestored():
            return _describe_seat_news(news)
        case EngineFailed(stage=stage, fault=fault, language=language):
            into = f" for {language}" if language else ""
            return f"The engine failed to {_TASKS[stage]}{into} ({fault})."
        case EngineSuspended(seconds=seconds, language=language):
            scope = f"for {language}" if language else "at all"
            return (
                f"The engine does not work {scope}: listeners hear the floor. "
                f"Next attempt in {seconds:g} s."
            )
        case _:
            return None


def _describe_seat_news(news: SeatNews) -> str | None:
    match news:
        case LeaseChanged(language=language, holds=True):
            return f"The machine interprets into {language} now."
        case LeaseChanged(language=language, reason="left"):
            return f"The machine has left {language}."
        case LeaseChanged(language=language):
            return f"The machine is a stand-by for {language} now."
        case ConnectionLost(language=language, reason=reason, seconds=seconds):
            return (
                f"Disconnected for {language}: {reason}. Reconnecting for up to {seconds:.0f} s …"
            )
        case ConnectionRestored(language=language):
            return f"Reconnected for {language}."
        case _:
            return None


def describe_report(report: Report) -> str:
    """Describe a report in one line.

    Example: `interpreted: 12 sentences; es 11 spoken, 1 not (behind 1); ca 12 spoken; end of …`.
    """
    noun = "sentence" if report.sentences == 1 else "sentences"
    parts = [f"interpreted: {report.sentences} {noun}"]
    for language, counts in sorted(report.languages.items()):
        part = f"{language} {counts.spoken} spoken"
        if unspoken := counts.unspoken.total():
            reasons = ", ".join(f"{reason} {count}" for reason, count in counts.unspoken.items())
            part += f", {unspoken} not ({reasons})"
        if lost := counts.lost_chunks + counts.refused_chunks:
            part += f", {lost} chunks lost"
        parts.append(part)
    if report.unheard:
        parts.append(f"{report.unheard} floor chunks dropped because recognition was too slow")
    if failures := report.failures.total():
        parts.append(f"{failures} engine failures")
    total = report.latencies.get("total", LatencyRecord()).summary()
    if total is not None:
        parts.append(f"end of a sentence to its first sound: {_percentiles(total)}")
    return "; ".join(parts)


def _percentiles(total: LatencySummary) -> str:
    return f"p50 {total.p50:.0f} ms, p95 {total.p95:.0f} ms"
