"""What a machine does, in words."""

from __future__ import annotations

from client.playback.latency import LatencyRecord, LatencySummary
from interpreter.engine import Stage
from interpreter.machine.report import (
    EngineFault,
    LeaseNews,
    Left,
    News,
    OfSeat,
    OutOfReach,
    Report,
    Resting,
    WithinReach,
)

_TASKS: dict[Stage, str] = {
    "recognise": "recognise what is said",
    "translate": "translate",
    "speak": "speak",
}


def describe_news(news: News) -> str | None:
    """One line, or None for what happens all the time."""
    match news:
        case LeaseNews() | Left() | OutOfReach() | WithinReach():
            return _of_seat(news)
        case EngineFault(stage=stage, fault=fault, language=language):
            into = f" for {language}" if language else ""
            return f"The engine failed to {_TASKS[stage]}{into} ({fault})."
        case Resting(seconds=seconds, language=language):
            what = language or "everything"
            return (
                f"The engine is out of order for {what}: listeners hear the floor; "
                f"another try in {seconds:g} s."
            )
        case _:
            return None


def _of_seat(news: OfSeat) -> str | None:
    match news:
        case LeaseNews(language=language, holds=True):
            return f"The machine is the voice of {language}."
        case LeaseNews(language=language, reason="left"):
            return f"The machine has left {language}."
        case LeaseNews(language=language):
            return f"The machine is not the voice of {language} now; it waits for its turn."
        case OutOfReach(language=language, reason=reason, seconds=seconds):
            return f"Lost for {language}: {reason}. Trying for {seconds:.0f} s to come back …"
        case WithinReach(language=language):
            return f"Back for {language}."
        case _:
            return None


def describe_report(report: Report) -> str:
    """`interpreted: 12 sentences; es 11 spoken, 1 not (behind 1); ca 12 spoken; end of …`."""
    parts = [f"interpreted: {report.sentences} sentences"]
    for language, account in sorted(report.languages.items()):
        part = f"{language} {account.spoken} spoken"
        if unspoken := account.unspoken.total():
            why = ", ".join(f"{loss} {count}" for loss, count in account.unspoken.items())
            part += f", {unspoken} not ({why})"
        if lost := account.lost_chunks + account.refused_chunks:
            part += f", {lost} chunks lost"
        parts.append(part)
    if report.unheard:
        parts.append(f"{report.unheard} chunks of the floor came too fast to be recognised")
    if failures := report.failures.total():
        parts.append(f"{failures} failures of the engine")
    total = report.latencies.get("total", LatencyRecord()).summary()
    if total is not None:
        parts.append(f"end of a sentence to its first sound: {_percentiles(total)}")
    return "; ".join(parts)


def _percentiles(total: LatencySummary) -> str:
    return f"p50 {total.p50:.0f} ms, p95 {total.p95:.0f} ms"
