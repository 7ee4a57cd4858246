"""The command line: listening and interpreting here, the other commands in files of their own."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Annotated

import typer

from client import notices
from client.acknowledging import Acknowledger
from client.announce_command import announce_command
from client.client_id import kept_client_id
from client.console import Display, describe_hearing, describe_ledger, describe_stream
from client.devices_command import devices_app
from client.events import Notice
from client.files import STANDARD_INPUT, sink_named, source_named
from client.interpreter import Start, interpret
from client.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.listener import Hooks, listen
from client.options import (
    DEFAULT_URL,
    Access,
    DelayOption,
    LanguageOption,
    ReconnectOption,
    SessionArgument,
    SoundArgument,
    TokenOption,
    TokenUrlOption,
    UrlOption,
    UserOption,
    required_session,
)
from client.reconnection import GRACE_SECONDS
from client.running import run
from client.smoke_command import smoke_command
from client.speak_command import speak_command
from client.streaming import either
from shared.models.messages import SessionJoined

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

    When its connection is lost, each comes back by itself. `python -m client announce` shows a
    text to everyone, `python -m client devices` keeps your devices in step, and
    `python -m client smoke` tries whether a stack works.
    """,
)


app.command("speak")(speak_command)


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
    acknowledge: Annotated[
        bool,
        typer.Option(
            "--acknowledge", help="Confirm the announcements that are shown: each is shown once."
        ),
    ] = False,
    captions: Annotated[
        bool, typer.Option("--captions/--no-captions", help="Show what is said as text, too.")
    ] = True,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Hear a session in a language, until it ends or you press Ctrl-C.

    Without an interpreter for that language you hear the speaker. Where a machine interprets, what
    is said is shown as well, sentence by sentence. Announcements are shown, also
    those that were made before you came, until you have confirmed them. Without a token you are
    known again by a random id in ~/.config/lingocast/client-id.

    Examples:

    * `python -m client listen golden-eagle-427 --language es --out heard.wav`
    * `python -m client listen golden-eagle-427 --acknowledge`
    """
    session_id = required_session(session)

    async def flow(display: Display) -> None:
        client_id = functools.cache(lambda: kept_client_id(display.say))
        access = Access(url, token, None, None, None, reconnect, client_id)
        with contextlib.ExitStack() as files:
            files.callback(lambda: _summarize_hearing(display, out))
            async with access.connect() as connection:
                reader = Acknowledger(connection, display.say)

                def noticed(notice: Notice) -> None:
                    notices.notice(display, notice)
                    if acknowledge:
                        reader.shown(notice)

                hooks = Hooks(lambda reply: notices.joined(display, reply), display.heard, noticed)
                if captions:
                    hooks.on_caption = display.captioned

                async def hear() -> None:
                    await listen(
                        connection,
                        session_id,
                        language,
                        open_sink=sink_named(out, files),
                        playout_delay_ms=playout_delay,
                        seconds=seconds,
                        hooks=hooks,
                    )

                await either(hear(), reader.run())

    run(flow, interrupted_exit_code=0)


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

    run(flow)


app.command("announce")(announce_command)
app.add_typer(devices_app, name="devices")
app.command("smoke")(smoke_command)


def _summarize_hearing(display: Display, out: Path | None) -> None:
    display.close()
    if display.playout is None:
        return
    stats = display.playout.stats()
    display.say(describe_hearing(stats))
    if stats.ledger is not None:
        display.say(describe_ledger(stats.ledger, display.playout.delay_ms))
    if out is not None:
        display.say(f"What was heard is in {out}")
