"""The `speak` command."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer

from cli import notices
from cli.announce_options import AnnouncementType, TranslateOption, parse_translations
from cli.console import Display, describe_stream
from cli.interpretation_options import (
    InterpretOption,
    IntoOption,
    describe_interpretation,
    parse_interpretation,
)
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
from cli.running import run, wait_for_enter
from cli.session_option import AccessOption, SessionAccess
from client.connection.backoff import GRACE_SECONDS
from client.connection.reconnecting import ReconnectingConnection
from client.errors import RequestRefusedError
from client.flows.sound_files import STANDARD_INPUT, prepare_source
from client.flows.speaker import speak
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import RequestedInterpretation
from shared.protocol.messages import SessionCreated

# A machine needs about this long to finish interpreting the last sentence.
_KEEP_OPEN_FOR_MACHINE_SECONDS = 6.0


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
        bool, typer.Option("--wait-enter", help="Wait for Enter before speaking.")
    ] = False,
    keep_open: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds to keep the session open after the last chunk.",
            show_default="0; with --interpret 6",
        ),
    ] = None,
    announce: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Announce this text to the session when it opens."),
    ] = None,
    announce_type: Annotated[
        AnnouncementType,
        typer.Option(help="Type of that announcement: shown in blue, yellow or red."),
    ] = AnnouncementType.INFO,
    translate: TranslateOption = None,
    interpret: InterpretOption = None,
    into: IntoOption = None,
    session_access: AccessOption = SessionAccess.CODE,
    end: Annotated[
        bool, typer.Option("--end/--no-end", help="End the session after the last chunk.")
    ] = True,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Open a session and speak into it in real time.

    Examples:

    * `python -m cli speak speech.wav --wait 30`
    * `arecord -f cd | python -m cli speak -`
    * `python -m cli speak speech.wav --announce "Questions at the end"`
    * `python -m cli speak speech.wav --interpret offline --into es,ca`
    * `python -m cli speak speech.wav --access link`
    """
    if wait_enter and file == STANDARD_INPUT:
        raise typer.BadParameter(
            "standard input cannot carry both sound and the Enter key; omit --wait-enter"
        )
    if announce is None and translate:
        raise typer.BadParameter("needs --announce", param_hint="--translate")
    translations = parse_translations(translate)
    interpretation = parse_interpretation(interpret, into)
    connector = Connector(
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
            connection = await stack.enter_async_context(connector.connect())

            async def created(session: SessionCreated) -> None:
                shown_url = None if url == DEFAULT_URL else url
                notices.show_join_commands(display, session, shown_url, token_url)
                if session.interpretation is not None:
                    display.print(describe_interpretation(session.interpretation))
                if announce is not None:
                    await _announce(display, connection, announce, announce_type, translations)
                if wait:
                    display.print(f"Speaking in {wait:g} s …")
                    await asyncio.sleep(wait)
                if wait_enter:
                    display.print("Press Enter to speak …")
                    await wait_for_enter()

            report = await speak(
                connection,
                language,
                source,
                audio_format=audio_format,
                quality_tier=quality,
                interpretation=interpretation,
                access=session_access.value,
                on_created=created,
                on_progress=display.show_sent,
                on_notice=lambda notice: notices.show_notice(display, notice),
                keep_open_seconds=_keep_open_seconds(keep_open, interpretation),
                end=end,
            )
        display.close()
        display.print(describe_stream(report.stream, "spoken"))
        notices.show_session_end(display, report.ended_early or ("ended" if end else None))

    run(flow)


def _keep_open_seconds(
    option: float | None, interpretation: RequestedInterpretation | None
) -> float:
    """Default to enough time for a machine to interpret the last sentence."""
    if option is not None:
        return option
    return 0.0 if interpretation is None else _KEEP_OPEN_FOR_MACHINE_SECONDS


async def _announce(
    display: Display,
    connection: ReconnectingConnection,
    text: str,
    announcement_type: AnnouncementType,
    translations: dict[str, str] | None,
) -> None:
    """Announce to the speaker's session. A refusal is printed and does not stop the talk."""
    try:
        announcement = await connection.announce(
            text, "session", announcement_type.message_type, translations=translations
        )
    except RequestRefusedError as refused:
        display.print(f"Announcement failed: {refused}")
    else:
        notices.show_announcement(display, announcement)
