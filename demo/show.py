"""What the demonstration prints: plain words, a table, and the next thing to try."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.console import Display, describe_stream
from client.escaping import printable
from client.flows.streaming import StreamReport
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from demo.machine_act import MachinePerformance
from demo.scenario import FLOOR_LANGUAGE, INTERPRETED_LANGUAGE, Performance
from demo.verdict import Row
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import SessionJoined

_NAMES = {"en": "English", "es": "Spanish", "fr": "French"}


class Show:
    """Tells what happens, step by step."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._display = Display(self._console)
        self._steps = 0

    def title(self) -> None:
        """What this is."""
        self._say("Lingocast: one speaker, listeners in three languages, live.", "bold")

    def step(self, line: str) -> None:
        """The next step, numbered."""
        self._display.close()
        self._steps += 1
        self._say(f"\n{self._steps}. {line}", "bold")

    def waiting(self, line: str) -> AbstractContextManager[object]:
        """Something that takes a while."""
        return self._console.status(line)

    def detail(self, line: str) -> None:
        """What belongs to a step."""
        self._say(f"   {line}")

    def opened(self, session_id: str) -> None:
        """The speaker has a session."""
        self.detail(f"Its id is {session_id}: whoever knows that can listen.")
        self.step("An interpreter and three listeners join.")

    def complete(self, seconds: float) -> None:
        """The speaker begins."""
        self.step(f"Alice speaks for {seconds:.1f} s, as live as from a microphone.")

    def joined(self, reply: SessionJoined) -> None:
        """Somebody took a seat."""
        language = _NAMES[reply.target_language]
        if reply.role == "interpreter":
            self.detail(f"Carlos will be the {language} voice.")
        elif reply.target_language == reply.source_language:
            self.detail(f"A listener in {language} hears the speaker.")
        elif reply.channel_source == "floor":
            self.detail(f"A listener in {language} hears the speaker too: nobody interprets.")
        else:
            self.detail(f"A listener in {language} hears the interpreter.")

    def speaking(self, report: StreamReport) -> None:
        """How far the speaker is."""
        self._display.progress(lambda: f"   {describe_stream(report)}")
        if report.captured == report.total:
            self._display.close()

    def said(self, performance: Performance) -> None:
        """What the two voices sent."""
        self._display.close()
        for name, stream in (
            (_NAMES[FLOOR_LANGUAGE], performance.speaker.stream),
            (_NAMES[INTERPRETED_LANGUAGE], performance.interpreter.stream),
        ):
            line = f"{name}: {stream.sent} of {stream.total} chunks of {stream.chunk_ms} ms sent"
            if stream.dropped or stream.refused:
                line += f", {stream.dropped} dropped, {stream.refused} refused"
            self.detail(line + ".")

    def table(self, rows: Sequence[Row]) -> None:
        """The account of every listener."""
        self.detail("In chunks; latency, from captured to received, in ms.")
        table = Table(box=SIMPLE_HEAD, padding=0)  # fits 80 columns
        for name in ("listener", "heard"):
            table.add_column(name, no_wrap=True)
        for name in ("expected", "delivered", "missing", "late", "p50", "p95", "p99"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("sound", no_wrap=True)
        for row in rows:
            numbers = (row.expected, row.delivered, row.missing, row.late)
            latencies = ("-" if value is None else f"{value:.0f}" for value in _latencies(row))
            table.add_row(
                _NAMES[row.language],
                _NAMES.get(row.heard, row.heard),
                *map(str, numbers),
                *latencies,
                Text("identical", "green") if row.difference is None else Text("differs", "red"),
            )
        self._console.print(table)

    def files(self, directory: Path, rows: Sequence[Row]) -> None:
        """Where the recordings are."""
        names = ", ".join(f"heard-{row.language}.wav" for row in rows)
        self.detail(f"What each of them heard is in {directory}: {names}.")

    def machine_missing(self, line: str) -> None:
        """Why no machine interprets, and what to install."""
        self.step("A machine interprets: not on this machine.")
        self.detail(line)

    def machine_ready(self) -> None:
        """The machine is the voice of Spanish."""
        self.detail("A listener in Spanish joins, and the machine becomes the voice of Spanish.")
        self.detail("Alice speaks; this is what is heard in English and in Spanish:")

    def captioned(self, caption: Caption) -> None:
        """A sentence was said, or translated."""
        style = "cyan" if caption.language == INTERPRETED_LANGUAGE else ""
        self._say(f"     {caption.language}  {printable(caption.text)}", style)

    def understood(self, performance: MachinePerformance) -> None:
        """How long interpretation took, and where the sound is."""
        latency = performance.stats.interpretation
        if latency is not None:
            self.detail(
                f"From the end of a sentence to its first Spanish sound: {latency.total.p50:.0f} "
                f"ms (recognise {latency.recognise.p50:.0f}, "
                f"translate {latency.translate.p50:.0f}, "
                f"speak {latency.speak.p50:.0f}, deliver {latency.deliver.p50:.0f}; medians)."
            )
        self.detail(f"What the listener in Spanish heard is in {performance.file}.")
        if not performance.fine:
            count = len(performance.translated)
            self.detail(f"Only {count} of {performance.sentences} sentences were interpreted.")

    def verdict(self, rows: Sequence[Row]) -> bool:
        """Whether all was well; says what was not."""
        for row in rows:
            self._explain(row)
        fine = all(row.fine for row in rows)
        if fine:
            self._say("\nEvery listener heard exactly what was said, sample for sample.", "green")
        else:
            self._say("\nNot everything arrived as it was said.", "bold red")
        return fine

    def farewell(self) -> None:
        """What to do next."""
        self._say("\nNext:", "bold")
        self.detail("make demo WAV=your-speech.wav    the same with your own recording")
        self.detail("make run                         a server that stays; it prints its addresses")
        self.detail("python -m cli --help          speak, listen and interpret with it")

    def failure(self, line: str) -> None:
        """Why there is no show."""
        self._display.close()
        self._say(f"error: {line}", "red")

    def _explain(self, row: Row) -> None:
        name = _NAMES[row.language]
        if row.difference is not None:
            self.detail(f"{name}: what was heard is not what was said: {row.difference}.")
        if row.missing:
            self.detail(f"{name}: {row.missing} of {row.expected} chunks never arrived.")
        if row.late:
            limit = DEFAULT_PLAYOUT_DELAY_MS
            self.detail(f"{name}: {row.late} chunks came later than {limit} ms: not played.")
        if row.p99 is not None and row.p99 > DEFAULT_PLAYOUT_DELAY_MS and not row.late:
            self.detail(f"{name}: the slowest chunks were only just in time; is the machine busy?")

    def _say(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style))


def _latencies(row: Row) -> tuple[float | None, float | None, float | None]:
    return row.p50, row.p95, row.p99
