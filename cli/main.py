"""The command line application, with the `listen` command."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Annotated

import typer

from cli import notices
from cli.announce import announce_command
from cli.client_id import load_client_id
from cli.console import Display, print_catch_up_summary, print_playout_summary
from cli.devices import devices_app
from cli.interpret import interpret_command
from cli.options import (
    DEFAULT_URL,
    Connector,
    DelayOption,
    LanguageOption,
    ReconnectOption,
    TokenCommandOption,
    TokenFileOption,
    TokenOption,
    UrlOption,
)
from cli.running import run
from cli.session_option import SecretFileOption, SessionArgument, required_session
from cli.smoke.command import smoke_command
from cli.speak import speak_command
from client.connection.backoff import GRACE_SECONDS
from client.flows.auto_acknowledge import AutoAcknowledge
from client.flows.listener import Hooks, listen
from client.flows.sound_files import RecordingFile
from client.flows.streaming import run_until_first_ends
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.protocol.events import Notice

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Speak, listen and interpret live, in many languages.

    Start a server with `make run`, then run these, each in its own terminal:

    * `python -m cli speak speech.wav --wait 30`
    * `python -m cli listen golden-eagle-427 --language es --out heard.wav`
    * `python -m cli interpret golden-eagle-427 spanish.wav --language es`
    * `python -m cli interpret golden-eagle-427 --engine offline`

    They reconnect automatically when a connection is lost. `python -m cli announce` shows a
    text to everyone, `python -m cli devices` keeps your devices in sync, and
    `python -m cli smoke` checks that a stack works.
    """,
)


app.command("speak")(speak_command)


@app.command("listen")
def listen_command(
    *,
    session: SessionArgument = None,
    secret_file: SecretFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    language: LanguageOption = "en",
    out: Annotated[Path | None, typer.Option(help="Write what you hear to this WAV file.")] = None,
    playout_delay: DelayOption = DEFAULT_PLAYOUT_DELAY_MS,
    seconds: Annotated[
        float | None,
        typer.Option(min=0, help="Stop after this many seconds, not when the session ends."),
    ] = None,
    acknowledge: Annotated[
        bool,
        typer.Option(
            "--acknowledge",
            help="Confirm announcements, so that each is shown only once.",
        ),
    ] = False,
    captions: Annotated[
        bool,
        typer.Option("--captions/--no-captions", help="Show captions of machine interpreters."),
    ] = True,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Listen to a session in a language until it ends or you press Ctrl-C.

    Without an interpreter for that language you hear the speaker. When a machine interprets, its
    sentences appear as captions. Announcements appear too, including those made before you joined,
    until you confirm them. Without a token, a random ID in ~/.config/lingocast/client-id identifies
    you. A session by link needs its secret: in SESSION, where other users of this machine can see
    it, or in LINGOCAST_SESSION or --secret-file, where they cannot.

    Examples:

    * `python -m cli listen golden-eagle-427 --language es --out heard.wav`
    * `python -m cli listen golden-eagle-427 --acknowledge`
    * `python -m cli listen --secret-file code.txt`
    """
    code = required_session(session, secret_file)

    async def flow(display: Display) -> None:
        client_id = functools.cache(lambda: load_client_id(display.print))
        connector = Connector(
            url,
            token,
            None,
            None,
            None,
            reconnect,
            client_id,
            token_command=token_command,
            token_file=token_file,
        )
        with contextlib.ExitStack() as files:
            recording = RecordingFile(out, files, display.print)
            files.callback(lambda: print_playout_summary(display, recording.summary()))
            async with connector.connect() as connection:
                files.callback(lambda: print_catch_up_summary(display, connection.catch_ups))
                acknowledger = AutoAcknowledge(connection, display.print)

                def on_notice(notice: Notice) -> None:
                    notices.show_notice(display, notice)
                    if acknowledge:
                        acknowledger.acknowledge(notice)

                hooks = Hooks(
                    lambda reply: notices.show_joined(display, reply),
                    display.show_playout,
                    on_notice,
                )
                if captions:
                    hooks.on_caption = display.show_caption

                async def play() -> None:
                    await listen(
                        connection,
                        str(code),
                        language,
                        open_sink=recording.open,
                        playout_delay_ms=playout_delay,
                        seconds=seconds,
                        hooks=hooks,
                    )

                await run_until_first_ends(play(), acknowledger.run())

    run(flow, interrupted_exit_code=0)


app.command("interpret")(interpret_command)
app.command("announce")(announce_command)
app.add_typer(devices_app, name="devices")
app.command("smoke")(smoke_command)
