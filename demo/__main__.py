"""`python -m demo [FILE.wav]`: start the local stack and broadcast real speech."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cli.hints import hint_for
from cli.options import ChunkOption, DelayOption
from cli.standard_io import serve
from client.errors import ClientError
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.sound.whole import load_pcm
from demo.console import DemoConsole
from demo.machine_scenario import MachineScenario
from demo.scenario import FORMAT, Scenario
from demo.verdict import evaluate
from interpreter.engines.offline import programs
from local.base.errors import LocalError
from local.launch import launch
from shared.models.audio_format import AudioFormat

SAMPLES = Path(__file__).parent / "samples"
FLOOR = SAMPLES / "leisure-to-consider.wav"
INTERPRETATION = SAMPLES / "more-respectable.wav"
OUTPUT = Path("demo-output")
_INTERRUPTED = 130

_Result = TypeVar("_Result")


def main(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Sound file that the speaker sends (WAV, FLAC, OGG, MP3 and others).",
            show_default="a sentence of real speech",
        ),
    ] = FLOOR,
    out: Annotated[
        Path, typer.Option(help="Folder for recordings of what listeners heard.")
    ] = OUTPUT,
    chunk_ms: ChunkOption = FORMAT.chunk_ms,
    playout_delay: DelayOption = DEFAULT_PLAYOUT_DELAY_MS,
) -> None:
    """Stream speech from a speaker to listeners in three languages, and check what they heard.

    Everything runs on this machine, with the functions, tables and routes of a deployment.
    """
    console = DemoConsole()
    console.show_title()
    try:
        passed = _run(console, file, out, AudioFormat(chunk_ms=chunk_ms), playout_delay)
    except ClientError as error:
        hint = hint_for(error)
        console.show_error(f"{error}; {hint}" if hint else str(error))
        raise typer.Exit(1) from None
    except LocalError as error:
        console.show_error(f"the stack did not start: {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    console.show_next_steps()
    if not passed:
        raise typer.Exit(1)


def _run(
    console: DemoConsole, file: Path, out: Path, audio_format: AudioFormat, playout_delay_ms: int
) -> bool:
    floor, interpretation = load_pcm(file, audio_format), load_pcm(INTERPRETATION, audio_format)
    console.step("The stack starts on this machine, from the template of a deployment.")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        with console.waiting("   this takes a few seconds …"):
            endpoints = stack.enter_context(launch())
        console.detail(f"Ready after {time.monotonic() - began:.0f} s at {endpoints.websocket_url}")
        console.step("Alice opens a session to speak English.")
        scenario = Scenario(
            endpoints,
            floor,
            interpretation,
            out,
            audio_format=audio_format,
            playout_delay_ms=playout_delay_ms,
        )
        result = asyncio.run(_unwrap_errors(scenario.run(console)))
        console.show_streams(result)
        rows = [evaluate(outcome) for outcome in result.listeners]
        console.step("What everyone heard")
        console.show_table(rows)
        console.show_files(out, rows)
        passed = console.show_verdict(rows)
        machine_scenario = MachineScenario(
            endpoints, out, audio_format=audio_format, playout_delay_ms=playout_delay_ms
        )
        return _run_machine_scenario(console, machine_scenario) and passed


def _run_machine_scenario(console: DemoConsole, scenario: MachineScenario) -> bool:
    """Run the machine scenario if its programs are installed; return whether it passed."""
    if missing := programs.missing():
        console.show_machine_missing(missing)
        return True
    console.step("A machine interprets: Alice opens a session that asks for one.")
    result = asyncio.run(_unwrap_errors(scenario.run(console)))
    console.show_interpretation(result)
    return result.passed


async def _unwrap_errors(scenario: Coroutine[Any, Any, _Result]) -> _Result:
    """Await the scenario; if several of its tasks fail, raise only the first ClientError."""
    try:
        return await scenario
    except ExceptionGroup as group:
        client_errors, others = group.split(ClientError)
        if client_errors is None or others is not None:
            raise
        raise _first(client_errors) from None


def _first(group: ExceptionGroup[ClientError]) -> ClientError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    serve(app, "python -m demo")
