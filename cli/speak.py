"""The command line's `speak`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer

from cli import notices
from cli.announce_options import TranslateOption, Weight, translations
from cli.console import Display, describe_stream
from cli.interpretation_options import InterpretOption, IntoOption, described, requested
from cli.options import (
    DEFAULT_URL,
    ChunkOption,
    Connector,
    LanguageOption,
    ReconnectOption,
    SampleRateOption,
    SoundArgument,
    TokenCommandOption,
    TokenFileOption,
    TokenOption,
    TokenUrlOption,
    UrlOption,
    UserOption,
)
from cli.running import enter_pressed, run
from cli.session_option import AccessOption, JoinBy
from client.connection.backoff import GRACE_SECONDS
from client.connection.reconnecting import ReconnectingConnection
from client.errors import RequestRefusedError
from client.flows.sound_files import STANDARD_INPUT, prepare_source
from client.flows.speaker import speak
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import RequestedInterpretation
from shared.protocol.messages import SessionCreated

# How long a machine is behind, and takes to say a sentence.
_FOR_INTERPRETERS_SECONDS = 6.0


def speak_command(
    *,
    file: SoundArgument,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
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
        float | None,
        typer.Option(
            min=0,
            help="Seconds that the session stays open after the end.",
            show_default="0; with --interpret 6",
        ),
    ] = None,
    announce: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Announce this to the session as it opens."),
    ] = None,
    announce_type: Annotated[
        Weight, typer.Option(help="How that is shown: blue, yellow or red.")
    ] = Weight.INFO,
    translate: TranslateOption = None,
    interpret: InterpretOption = None,
    into: IntoOption = None,
    join_by: AccessOption = JoinBy.CODE,
    end: Annotated[
        bool, typer.Option("--end/--no-end", help="End the session when all is said.")
    ] = True,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Open a session and speak into it, in real time.

    Examples:

    * `python -m cli speak speech.wav --wait 30`
    * `arecord -f cd | python -m cli speak -`
    * `python -m cli speak speech.wav --announce "Questions at the end"`
    * `python -m cli speak speech.wav --interpret offline --into es,ca`
    * `python -m cli speak speech.wav --access link`
    """
    if wait_enter and file == STANDARD_INPUT:
        raise typer.BadParameter("standard input cannot be both sound and the Enter key")
    if announce is None and translate:
        raise typer.BadParameter("there is no --announce to translate", param_hint="--translate")
    texts = translations(translate)
    interpretation = requested(interpret, into)
    access = Connector(
        url,
        token,
        token_url,
        user,
        ("speakers",),
        reconnect,
        token_command=token_command,
        token_file=token_file,
    )
    audio_format = AudioFormat(sample_rate=sample_rate, chunk_ms=chunk_ms)

    async def flow(display: Display) -> None:
        async with contextlib.AsyncExitStack() as stack:
            source = await prepare_source(file, stack.enter_context(contextlib.ExitStack()))
            connection = await stack.enter_async_context(access.connect())

            async def created(session: SessionCreated) -> None:
                at = None if url == DEFAULT_URL else url
                notices.show_join_commands(display, session, at, token_url)
                if session.interpretation is not None:
                    display.print(described(session.interpretation))
                if announce is not None:
                    await _announce(display, connection, announce, announce_type, texts)
                if wait:
                    display.print(f"Speaking in {wait:g} s …")
                    await asyncio.sleep(wait)
                if wait_enter:
                    display.print("Press Enter to speak …")
                    await enter_pressed()

            report = await speak(
                connection,
                language,
                source,
                audio_format=audio_format,
                quality_tier=quality,
                interpretation=interpretation,
                access=join_by.value,
                on_created=created,
                on_progress=display.show_sent,
                on_notice=lambda notice: notices.show_notice(display, notice),
                keep_open_seconds=_kept_open(keep_open, interpretation),
                end=end,
            )
        display.close()
        display.print(describe_stream(report.stream, "spoken"))
        notices.show_session_end(display, report.ended_early or ("ended" if end else None))

    run(flow)


def _kept_open(asked: float | None, interpretation: RequestedInterpretation | None) -> float:
    """For how many seconds: without the last ones the last sentence is not heard to its end."""
    if asked is not None:
        return asked
    return 0.0 if interpretation is None else _FOR_INTERPRETERS_SECONDS


async def _announce(
    display: Display,
    connection: ReconnectingConnection,
    text: str,
    weight: Weight,
    texts: dict[str, str] | None,
) -> None:
    """Announce to one's session; if that does not work the talk goes on without it."""
    try:
        told = await connection.announce(text, "session", weight.message_type, translations=texts)
    except RequestRefusedError as refused:
        display.print(f"Not announced: {refused}")
    else:
        notices.show_announcement(display, told)
