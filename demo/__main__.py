"""`python -m demo [FILE.wav]`: start the stack on this machine and broadcast real speech."""

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
from demo.machine_act import MachineAct
from demo.scenario import FORMAT, Scenario
from demo.show import Show
from demo.verdict import judge
from interpreter.engines.offline import programs
from local.base.errors import LocalError
from local.launch import launch
from shared.models.audio_format import AudioFormat

SAMPLES = Path(__file__).parent / "samples"
FLOOR = SAMPLES / "leisure-to-consider.wav"
INTERPRETATION = SAMPLES / "more-respectable.wav"
OUTPUT = Path("demo-output")
_INTERRUPTED = 130

_Performance = TypeVar("_Performance")


def main(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="What the speaker says: a sound file (WAV, FLAC, OGG, MP3 …).",
            show_default="a sentence of real speech",
        ),
    ] = FLOOR,
    out: Annotated[Path, typer.Option(help="Where to write what was heard.")] = OUTPUT,
    chunk_ms: ChunkOption = FORMAT.chunk_ms,
    playout_delay: DelayOption = DEFAULT_PLAYOUT_DELAY_MS,
) -> None:
    """Stream speech from one speaker to listeners in three languages, and check what they heard.

    Everything runs on this machine: the same functions, tables and routes that would be deployed.
    """
    show = Show()
    show.title()
    try:
        fine = _run(show, file, out, AudioFormat(chunk_ms=chunk_ms), playout_delay)
    except ClientError as error:
        advice = hint_for(error)
        show.failure(f"{error}; {advice}" if advice else str(error))
        raise typer.Exit(1) from None
    except LocalError as error:
        show.failure(f"the stack does not start: {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    show.farewell()
    if not fine:
        raise typer.Exit(1)


def _run(
    show: Show, file: Path, out: Path, audio_format: AudioFormat, playout_delay_ms: int
) -> bool:
    floor, interpretation = load_pcm(file, audio_format), load_pcm(INTERPRETATION, audio_format)
    show.step("The stack starts on this machine, from the template that would be deployed.")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        with show.waiting("   this takes some seconds …"):
            endpoints = stack.enter_context(launch())
        show.detail(f"Ready after {time.monotonic() - began:.0f} s at {endpoints.websocket_url}")
        show.step("Alice opens a session to speak English.")
        scenario = Scenario(
            endpoints,
            floor,
            interpretation,
            out,
            audio_format=audio_format,
            playout_delay_ms=playout_delay_ms,
        )
        performance = asyncio.run(_performed(scenario.perform(show)))
        show.said(performance)
        rows = [judge(outcome) for outcome in performance.listeners]
        show.step("What everyone heard")
        show.table(rows)
        show.files(out, rows)
        fine = show.verdict(rows)
        act = MachineAct(
            endpoints, out, audio_format=audio_format, playout_delay_ms=playout_delay_ms
        )
        return _interpreted(show, act) and fine


def _interpreted(show: Show, act: MachineAct) -> bool:
    """The act with a machine, where its programs are; True if all was well."""
    if missing := programs.missing():
        show.machine_missing(missing)
        return True
    show.step("A machine interprets: Alice opens a session that asks for one.")
    performance = asyncio.run(_performed(act.perform(show)))
    show.understood(performance)
    return performance.fine


async def _performed(performance: Coroutine[Any, Any, _Performance]) -> _Performance:
    """The performance. Raises the first ClientError of those that may come together."""
    try:
        return await performance
    except ExceptionGroup as group:
        ours, others = group.split(ClientError)
        if ours is None or others is not None:
            raise
        raise _first(ours) from None


def _first(group: ExceptionGroup[ClientError]) -> ClientError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    serve(app, "python -m demo")
