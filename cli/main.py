"""The command line: listening here, the other commands in files of their own."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Annotated

import typer

from cli import notices
from cli.announce import announce_command
from cli.client_id import kept_client_id
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

    Start a server with `make run`, then try, each in a terminal of its own:

    * `python -m cli speak speech.wav --wait 30`
    * `python -m cli listen golden-eagle-427 --language es --out heard.wav`
    * `python -m cli interpret golden-eagle-427 spanish.wav --language es`
    * `python -m cli interpret golden-eagle-427 --engine offline`

    When its connection is lost, each comes back by itself. `python -m cli announce` shows a
    text to everyone, `python -m cli devices` keeps your devices in step, and
    `python -m cli smoke` tries whether a stack works.
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
    known again by a random id in ~/.config/lingocast/client-id. A session by link needs its secret:
    as part of SESSION, which other users of this machine can see, or in LINGOCAST_SESSION or
    --secret-file, which they cannot.

    Examples:

    * `python -m cli listen golden-eagle-427 --language es --out heard.wav`
    * `python -m cli listen golden-eagle-427 --acknowledge`
    * `python -m cli listen --secret-file code.txt`
    """
    code = required_session(session, secret_file)

    async def flow(display: Display) -> None:
        client_id = functools.cache(lambda: kept_client_id(display.print))
        access = Connector(
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
            heard = RecordingFile(out, files, display.print)
            files.callback(lambda: print_playout_summary(display, heard.summary()))
            async with access.connect() as connection:
                files.callback(lambda: print_catch_up_summary(display, connection.catch_ups))
                reader = AutoAcknowledge(connection, display.print)

                def noticed(notice: Notice) -> None:
                    notices.show_notice(display, notice)
                    if acknowledge:
                        reader.acknowledge(notice)

                hooks = Hooks(
                    lambda reply: notices.show_joined(display, reply), display.show_playout, noticed
                )
                if captions:
                    hooks.on_caption = display.show_caption

                async def hear() -> None:
                    await listen(
                        connection,
                        str(code),
                        language,
                        open_sink=heard.open,
                        playout_delay_ms=playout_delay,
                        seconds=seconds,
                        hooks=hooks,
                    )

                await run_until_first_ends(hear(), reader.run())

    run(flow, interrupted_exit_code=0)


app.command("interpret")(interpret_command)
app.command("announce")(announce_command)
app.add_typer(devices_app, name="devices")
app.command("smoke")(smoke_command)
