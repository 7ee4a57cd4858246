"""The command line: speak, listen, interpret; smoke tests a stack."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from client import notices
from client.console import Display, describe_hearing, describe_stream
from client.errors import ClientError
from client.files import STANDARD_INPUT, sink_named, source_named
from client.interpreter import Start, interpret
from client.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.listener import Hooks, listen
from client.options import (
    DEFAULT_URL,
    Access,
    ChunkOption,
    DelayOption,
    LanguageOption,
    ReconnectOption,
    SampleRateOption,
    SessionArgument,
    SoundArgument,
    TokenOption,
    TokenUrlOption,
    UrlOption,
    UserOption,
    required_session,
)
from client.reconnection import GRACE_SECONDS
from client.remedies import remedy
from client.smoke_command import smoke_command
from client.speaker import speak
from shared.models.audio_format import AudioFormat
from shared.models.messages import SessionCreated, SessionJoined

_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Speak, listen and interpret live, in many languages.

    Start a server with `make run`, then try, each in a terminal of its own:

    * `python -m client speak speech.wav --wait 30`
    * `python -m client listen golden-eagle-427 --language es --out heard.wav`
    * `python -m client interpret golden-eagle-427 spanish.wav --language es`

    When its connection is lost, each comes back by itself. `python -m client smoke` tries whether
    a stack works.
    """,
)


@app.command("speak")
def speak_command(
    *,
    file: SoundArgument,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
    language: LanguageOption = "en",
    chunk_ms: ChunkOption = 200,
    sample_rate: SampleRateOption = 16_000,
    quality: Annotated[str, typer.Option(help="standard or premium.")] = "standard",
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for listeners before speaking.")
    ] = 0,
    wait_enter: Annotated[
        bool, typer.Option("--wait-enter", help="Speak only when you press Enter.")
    ] = False,
    keep_open: Annotated[
        float, typer.Option(min=0, help="Seconds that the session stays open after the end.")
    ] = 0,
    end: Annotated[
        bool, typer.Option("--end/--no-end", help="End the session when all is said.")
    ] = True,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Open a session and speak into it, in real time.

    Examples:

    * `python -m client speak speech.wav --wait 30`
    * `arecord -t raw -f S16_LE -r 16000 -c 1 | python -m client speak -`
    """
    if wait_enter and file == STANDARD_INPUT:
        raise typer.BadParameter("standard input cannot be both sound and the Enter key")
    access = Access(url, token, token_url, user, ("speakers",), reconnect)
    audio_format = AudioFormat(sample_rate=sample_rate, chunk_ms=chunk_ms)

    async def flow(display: Display) -> None:
        async def created(session: SessionCreated) -> None:
            at = None if url == DEFAULT_URL else url
            notices.invite(display, session.session_id, at, token_url)
            if wait:
                display.say(f"Speaking in {wait:g} s …")
                await asyncio.sleep(wait)
            if wait_enter:
                display.say("Press Enter to speak …")
                await _enter_pressed()

        source = source_named(file)
        async with access.connect() as connection:
            report = await speak(
                connection,
                language,
                source,
                audio_format=audio_format,
                quality_tier=quality,
                on_created=created,
                on_progress=display.sent,
                on_notice=lambda notice: notices.notice(display, notice),
                keep_open_seconds=keep_open,
                end=end,
            )
        display.close()
        display.say(describe_stream(report.stream, "spoken"))
        notices.over(display, report.ended_early or ("ended" if end else None))

    _run(flow)


@app.command("listen")
def listen_command(
    *,
    session: SessionArgument = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    language: LanguageOption = "en",
    out: Annotated[Path | None, typer.Option(help="Write what is heard to this WAV file.")] = None,
    playout_delay: DelayOption = DEFAULT_PLAYOUT_DELAY_MS,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop after so long; else when the session ends.")
    ] = None,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Hear a session in a language, until it ends or you press Ctrl-C.

    Without an interpreter for that language you hear the speaker.

    Example: `python -m client listen golden-eagle-427 --language es --out heard.wav`
    """
    session_id = required_session(session)
    access = Access(url, token, None, None, (), reconnect)

    async def flow(display: Display) -> None:
        hooks = Hooks(
            lambda reply: notices.joined(display, reply),
            display.heard,
            lambda notice: notices.notice(display, notice),
        )
        with contextlib.ExitStack() as files:
            files.callback(lambda: _summarize_hearing(display, out))
            async with access.connect() as connection:
                await listen(
                    connection,
                    session_id,
                    language,
                    open_sink=sink_named(out, files),
                    playout_delay_ms=playout_delay,
                    seconds=seconds,
                    hooks=hooks,
                )

    _run(flow, interrupted_exit_code=0)


@app.command("interpret")
def interpret_command(
    *,
    session: SessionArgument = None,
    file: SoundArgument = STANDARD_INPUT,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
    language: LanguageOption = "es",
    out: Annotated[
        Path | None, typer.Option(help="Write the floor, as you hear it, to this WAV file.")
    ] = None,
    start: Annotated[
        Start | None,
        typer.Option(
            help="When to begin to speak: at once, or when the floor is first heard.",
            show_default="floor; now for -",
        ),
    ] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay silently until the session ends.")
    ] = False,
    playout_delay: DelayOption = DEFAULT_PLAYOUT_DELAY_MS,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Be the voice of another language in a session, and hear the floor meanwhile.

    Examples:

    * `python -m client interpret golden-eagle-427 spanish.wav --language es`
    * `arecord -t raw -f S16_LE -r 16000 -c 1 | python -m client interpret golden-eagle-427 -`
    """
    session_id = required_session(session)
    access = Access(url, token, token_url, user, ("interpreters",), reconnect)
    begin = start or (Start.NOW if file == STANDARD_INPUT else Start.FLOOR)

    async def flow(display: Display) -> None:
        def joined(reply: SessionJoined) -> None:
            notices.joined(display, reply)
            if begin is Start.FLOOR:
                display.say("Your words begin when the floor is first heard.")

        source = source_named(file)
        hooks = Hooks(joined, display.hears, lambda notice: notices.notice(display, notice))
        with contextlib.ExitStack() as files:
            files.callback(lambda: _summarize_hearing(display, out))
            async with access.connect() as connection:
                report = await interpret(
                    connection,
                    session_id,
                    language,
                    source,
                    start=begin,
                    stay=stay,
                    open_sink=sink_named(out, files),
                    playout_delay_ms=playout_delay,
                    hooks=hooks,
                    on_progress=display.sent,
                )
            display.close()
            display.say(describe_stream(report.stream, "spoken"))

    _run(flow)


app.command("smoke")(smoke_command)


def _summarize_hearing(display: Display, out: Path | None) -> None:
    display.close()
    if display.playout is None:
        return
    display.say(describe_hearing(display.playout.stats()))
    if out is not None:
        display.say(f"What was heard is in {out}")


async def _enter_pressed() -> None:
    """Wait for a line on standard input, without a thread that could not be interrupted."""
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), pressed.set)
    except (OSError, ValueError):  # a file or nothing at all: there is no one to wait for
        return
    try:
        await pressed.wait()
        sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin.fileno())


def _run(
    flow: Callable[[Display], Coroutine[Any, Any, None]], interrupted_exit_code: int = _INTERRUPTED
) -> None:
    """Run a command's flow; an error becomes one line with its remedy, and exit code 1."""
    display = Display()
    try:
        with display:
            asyncio.run(flow(display))
    except ClientError as error:
        advice = remedy(error)
        typer.echo(f"error: {error}" + (f"; {advice}" if advice else ""), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        if interrupted_exit_code:
            display.say("Interrupted.")
        raise typer.Exit(interrupted_exit_code) from None
