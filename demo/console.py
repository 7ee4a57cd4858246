"""Output of the demonstration: numbered steps, a table and next steps."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.console import Display, count, describe_stream
from client.escaping import printable
from client.flows.streaming import StreamReport
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from demo.machine_scenario import MachineResult
from demo.scenario import FLOOR_LANGUAGE, INTERPRETED_LANGUAGE, ScenarioResult
from demo.verdict import ListenerResult
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import SessionJoined

_NAMES = {"en": "English", "es": "Spanish", "fr": "French"}


class DemoConsole:
    """Prints the demonstration step by step; observes its scenarios."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._display = Display(self._console)
        self._steps = 0

    def show_title(self) -> None:
        """Print the title."""
        self._print("Lingocast: one speaker, listeners in three languages, live.", "bold")

    def step(self, line: str) -> None:
        """Print the next numbered step."""
        self._display.close()
        self._steps += 1
        self._print(f"\n{self._steps}. {line}", "bold")

    def waiting(self, line: str) -> AbstractContextManager[object]:
        """Show a status line during the block."""
        return self._console.status(line)

    def detail(self, line: str) -> None:
        """Print a detail of the current step."""
        self._print(f"   {line}")

    def opened(self, session_id: str) -> None:
        """The speaker opened a session."""
        self.detail(f"Its ID is {session_id}: anyone who knows it can listen.")
        self.step("An interpreter and three listeners join.")

    def complete(self, seconds: float) -> None:
        """All have joined; the speaker starts."""
        self.step(f"Alice speaks for {seconds:.1f} s, in real time as from a microphone.")

    def joined(self, reply: SessionJoined) -> None:
        """A participant joined."""
        language = _NAMES[reply.target_language]
        if reply.role == "interpreter":
            self.detail(f"Carlos interprets into {language}.")
        elif reply.target_language == reply.source_language:
            self.detail(f"A listener in {language} hears the speaker.")
        elif reply.channel_source == "floor":
            self.detail(
                f"A listener in {language} also hears the speaker: there is no interpreter."
            )
        else:
            self.detail(f"A listener in {language} hears the interpreter.")

    def speaking(self, report: StreamReport) -> None:
        """Show the speaker's progress."""
        self._display.progress(lambda: f"   {describe_stream(report)}")
        if report.captured == report.total:
            self._display.close()

    def show_streams(self, result: ScenarioResult) -> None:
        """Print what the speaker and the interpreter sent."""
        self._display.close()
        for name, stream in (
            (_NAMES[FLOOR_LANGUAGE], result.speaker.stream),
            (_NAMES[INTERPRETED_LANGUAGE], result.interpreter.stream),
        ):
            line = f"{name}: {stream.sent} of {stream.total} chunks of {stream.chunk_ms} ms sent"
            if stream.dropped or stream.refused:
                line += f", {stream.dropped} dropped, {stream.refused} refused"
            self.detail(line + ".")

    def show_table(self, rows: Sequence[ListenerResult]) -> None:
        """Print a table of the listeners' results."""
        self.detail("Chunks per listener; latency from capture to receipt in ms.")
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

    def show_files(self, directory: Path, rows: Sequence[ListenerResult]) -> None:
        """Print where the recordings are."""
        names = ", ".join(f"heard-{row.language}.wav" for row in rows)
        self.detail(f"Recordings of what they heard are in {directory}: {names}.")

    def show_machine_missing(self, line: str) -> None:
        """Print why no machine interprets, and what to install."""
        self.step("Interpretation by machine is not available here.")
        self.detail(line)

    def machine_ready(self) -> None:
        """The machine started to interpret into Spanish."""
        self.detail(
            "A listener in Spanish joins, and the machine starts to interpret into Spanish."
        )
        self.detail("Alice speaks. Captions in English and Spanish:")

    def captioned(self, caption: Caption) -> None:
        """Print a final caption."""
        style = "cyan" if caption.language == INTERPRETED_LANGUAGE else ""
        self._print(f"     {caption.language}  {printable(caption.text)}", style)

    def show_interpretation(self, result: MachineResult) -> None:
        """Print the latency of interpretation, and where the recording is."""
        latency = result.stats.interpretation
        if latency is not None:
            self.detail(
                f"From the end of a sentence to its first Spanish sound: {latency.total.p50:.0f} "
                f"ms (recognise {latency.recognise.p50:.0f}, "
                f"translate {latency.translate.p50:.0f}, "
                f"speak {latency.speak.p50:.0f}, deliver {latency.deliver.p50:.0f}; medians)."
            )
        self.detail(f"A recording of what the listener in Spanish heard is in {result.file}.")
        if not result.passed:
            translated = len(result.translated)
            self.detail(f"Only {translated} of {result.sentences} sentences were interpreted.")

    def show_verdict(self, rows: Sequence[ListenerResult]) -> bool:
        """Print all faults; return whether there were none."""
        for row in rows:
            self._explain(row)
        passed = all(row.passed for row in rows)
        if passed:
            self._print("\nEvery listener heard exactly what was said, sample for sample.", "green")
        else:
            self._print("\nSome listeners did not hear exactly what was said.", "bold red")
        return passed

    def show_next_steps(self) -> None:
        """Print what to try next."""
        self._print("\nNext:", "bold")
        self.detail("make demo WAV=your-speech.wav    the same with your own recording")
        self.detail("make run                         a local server; it prints its addresses")
        self.detail("python -m cli --help             speak, listen and interpret with it")

    def show_error(self, line: str) -> None:
        """Print why the demonstration failed."""
        self._display.close()
        self._print(f"error: {line}", "red")

    def _explain(self, row: ListenerResult) -> None:
        name = _NAMES[row.language]
        if row.difference is not None:
            self.detail(f"{name}: the recording differs from what was said: {row.difference}.")
        if row.missing:
            self.detail(f"{name}: {row.missing} of {count(row.expected, 'chunk')} never arrived.")
        if row.late:
            limit = DEFAULT_PLAYOUT_DELAY_MS
            self.detail(
                f"{name}: {count(row.late, 'chunk')} arrived after {limit} ms, too late to play."
            )
        if row.p99 is not None and row.p99 > DEFAULT_PLAYOUT_DELAY_MS and not row.late:
            self.detail(f"{name}: the slowest chunks were barely in time; is the machine busy?")

    def _print(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style))


def _latencies(row: ListenerResult) -> tuple[float | None, float | None, float | None]:
    return row.p50, row.p95, row.p99
