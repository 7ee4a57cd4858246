"""The command line's `interpret`: by a person, or (`--engine`) by a machine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from cli import notices
from cli.console import Display, describe_stream, print_playout_summary
from cli.options import (
    DEFAULT_URL,
    Connector,
    DelayOption,
    LanguageOption,
    ReconnectOption,
    SoundArgument,
    TokenCommandOption,
    TokenFileOption,
    TokenOption,
    TokenUrlOption,
    UrlOption,
    UserOption,
)
from cli.running import run
from cli.session_option import SecretFileOption, SessionArgument, required_session
from client.connection.backoff import GRACE_SECONDS
from client.errors import MachineError
from client.flows.interpreter import Start, interpret
from client.flows.listener import Hooks
from client.flows.sound_files import STANDARD_INPUT, RecordingFile, prepare_source
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.protocol.join_code import JoinCode
from interpreter.engine import EngineError
from interpreter.engines import ENGINE_NAMES, make_engine
from interpreter.machine.machine import Machine
from interpreter.machine.messages import describe_news, describe_report
from interpreter.machine.options import Limits, Options
from interpreter.machine.report import Hooks as MachineHooks
from interpreter.machine.report import News
from shared.models.errors import ValidationError
from shared.protocol.messages import SessionJoined
from shared.utils.validators import validate_language_code

_AUTO: Final = "auto"
_PROGRESS_SECONDS = 0.5


# What only a person can want.
_PERSONS = ("file", "language", "out", "start", "standby", "take_over", "stay", "playout_delay")


def interpret_command(
    context: typer.Context,
    *,
    session: SessionArgument = None,
    file: SoundArgument = STANDARD_INPUT,
    secret_file: SecretFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
    language: LanguageOption = "es",
    engine: Annotated[
        str | None,
        typer.Option(
            help=f"Let a machine interpret: {', '.join(ENGINE_NAMES)}. FILE.wav is not needed."
        ),
    ] = None,
    languages: Annotated[
        str,
        typer.Option(
            help="With --engine: the languages to serve, such as es,ca; auto is all that are "
            "listened to."
        ),
    ] = _AUTO,
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
    standby: Annotated[
        bool, typer.Option("--standby", help="If the language has an interpreter, wait.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="If the language has an interpreter, take it over.")
    ] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay silently until the session ends.")
    ] = False,
    playout_delay: DelayOption = DEFAULT_PLAYOUT_DELAY_MS,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Be the voice of another language in a session, and hear the floor meanwhile; or let a machine
    be it, in all languages that somebody listens to, until the session ends or you press Ctrl-C.

    Examples:

    * `python -m cli interpret golden-eagle-427 spanish.wav --language es`
    * `python -m cli interpret golden-eagle-427 spanish.wav --standby`
    * `arecord -t raw -f S16_LE -r 16000 -c 1 | python -m cli interpret golden-eagle-427 -`
    * `python -m cli interpret golden-eagle-427 --engine offline --languages es,ca`
    """
    code = required_session(session, secret_file)
    access = Connector(
        url,
        token,
        token_url,
        user,
        ("interpreters",),
        reconnect,
        token_command=token_command,
        token_file=token_file,
    )
    _check_given(context, engine)
    if engine is not None:
        options = Options(
            session_id=str(code),
            languages=_several(languages),
            limits=Limits(patience_seconds=reconnect),
        )
        run(lambda display: _by_machine(display, engine, access, options))
        return
    begin = start or (Start.NOW if file == STANDARD_INPUT else Start.FLOOR)

    async def flow(display: Display) -> None:
        def joined(reply: SessionJoined) -> None:
            notices.show_joined(display, reply)
            if begin is Start.FLOOR:
                display.print("Your words begin when the floor is first heard.")

        hooks = Hooks(
            joined, display.track_playout, lambda notice: notices.show_notice(display, notice)
        )
        with contextlib.ExitStack() as files:
            heard = RecordingFile(out, files, display.print)
            files.callback(lambda: print_playout_summary(display, heard.summary()))
            source = await prepare_source(file, files)
            async with access.connect() as connection:
                report = await interpret(
                    connection,
                    str(code),
                    language,
                    source,
                    start=begin,
                    stay=stay,
                    standby=standby,
                    take_over=take_over,
                    open_sink=heard.open,
                    playout_delay_ms=playout_delay,
                    hooks=hooks,
                    on_progress=display.show_sent,
                )
            display.close()
            display.print(describe_stream(report.stream, "spoken"))

    run(flow)


def _check_given(context: typer.Context, engine: str | None) -> None:
    """Raises typer.BadParameter for what would do nothing."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if engine is None and "languages" in given:
        raise typer.BadParameter("there is no --engine to serve several", param_hint="--languages")
    if engine is not None and (useless := [name for name in _PERSONS if name in given]):
        names = ", ".join(_option(name) for name in useless)
        raise typer.BadParameter(f"a machine needs no {names}", param_hint="--engine")


def _option(name: str) -> str:
    return "FILE.wav" if name == "file" else f"--{name.replace('_', '-')}"


async def _by_machine(display: Display, name: str, access: Connector, options: Options) -> None:
    """Run a machine until the session ends, or Ctrl-C lets it retire. Raises ClientError."""

    def told(news: News) -> None:
        if line := describe_news(news):
            display.print(line)

    session_id = JoinCode.parse(options.session_id).session_id
    try:
        engine = make_engine(name)
        try:
            machine = Machine(engine, access.connect, options, hooks=MachineHooks(told))
            display.print(f"The engine {name} interprets {session_id} from now on.")
            reason = await _until_over(display, machine)
        finally:
            await engine.close()
    except EngineError as fault:
        raise MachineError(str(fault)) from None
    display.close()
    display.print(describe_report(machine.report))
    if reason is not None:
        notices.show_session_end(display, reason)


async def _until_over(display: Display, machine: Machine) -> str | None:
    running = asyncio.create_task(machine.run())
    retiring: list[asyncio.Task[None]] = []

    def interrupted() -> None:
        if retiring:  # and now really
            running.cancel()
        else:
            display.print("Finishing the sentence; Ctrl-C again stops at once.")
            retiring.append(asyncio.create_task(machine.retire()))

    with _on_signals(interrupted):
        try:
            while not running.done():
                display.progress(lambda: describe_report(machine.report))
                await asyncio.wait((running,), timeout=_PROGRESS_SECONDS)
        finally:
            running.cancel()
            for task in retiring:
                task.cancel()
            await asyncio.gather(running, *retiring, return_exceptions=True)
    return None if running.cancelled() else running.result()


@contextlib.contextmanager
def _on_signals(handle: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C, and whoever stops services, handled."""
    loop = asyncio.get_running_loop()
    handled = (signal.SIGINT, signal.SIGTERM)
    for number in handled:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _several(languages: str) -> tuple[str, ...] | Literal["auto"]:
    """`es,ca` taken apart. Raises typer.BadParameter for what is no language."""
    if languages == _AUTO:
        return _AUTO
    try:
        return tuple(validate_language_code(each.strip(), "each") for each in languages.split(","))
    except ValidationError as wrong:
        raise typer.BadParameter(wrong.message, param_hint="--languages") from None
