"""The `interpret` command: by a person, or with `--engine` by a machine."""

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

# Options that make no sense with --engine.
_HUMAN_OPTIONS = (
    "file",
    "language",
    "out",
    "start",
    "standby",
    "take_over",
    "stay",
    "playout_delay",
)


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
        typer.Option(help=f"Interpret by machine, without FILE.wav: {', '.join(ENGINE_NAMES)}."),
    ] = None,
    languages: Annotated[
        str,
        typer.Option(
            help="With --engine: languages to interpret into, such as es,ca; auto serves all that "
            "have listeners."
        ),
    ] = _AUTO,
    out: Annotated[
        Path | None, typer.Option(help="Write the floor as you hear it to this WAV file.")
    ] = None,
    start: Annotated[
        Start | None,
        typer.Option(
            help="When to start speaking: now, or when you first hear the floor.",
            show_default="floor; now for -",
        ),
    ] = None,
    standby: Annotated[
        bool,
        typer.Option("--standby", help="If the language has an interpreter, wait as a stand-by."),
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="If the language has an interpreter, replace it.")
    ] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="After the last chunk, stay until the session ends.")
    ] = False,
    playout_delay: DelayOption = DEFAULT_PLAYOUT_DELAY_MS,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    """Interpret a session into another language, in person or by machine.

    You hear the floor while you speak. With `--engine` a machine interprets into every language
    that has listeners, until the session ends or you press Ctrl-C.

    Examples:

    * `python -m cli interpret golden-eagle-427 spanish.wav --language es`
    * `python -m cli interpret golden-eagle-427 spanish.wav --standby`
    * `arecord -t raw -f S16_LE -r 16000 -c 1 | python -m cli interpret golden-eagle-427 -`
    * `python -m cli interpret golden-eagle-427 --engine offline --languages es,ca`
    """
    code = required_session(session, secret_file)
    connector = Connector(
        url,
        token,
        token_url,
        user,
        ("interpreters",),
        reconnect,
        token_command=token_command,
        token_file=token_file,
    )
    _check_options(context, engine)
    if engine is not None:
        machine_options = Options(
            session_id=str(code),
            languages=_parse_languages(languages),
            limits=Limits(patience_seconds=reconnect),
        )
        run(lambda display: _run_machine(display, engine, connector, machine_options))
        return
    start_at = start or (Start.NOW if file == STANDARD_INPUT else Start.FLOOR)

    async def flow(display: Display) -> None:
        def on_joined(reply: SessionJoined) -> None:
            notices.show_joined(display, reply)
            if start_at is Start.FLOOR:
                display.print("Speaking starts when you first hear the floor.")

        hooks = Hooks(
            on_joined, display.track_playout, lambda notice: notices.show_notice(display, notice)
        )
        with contextlib.ExitStack() as files:
            recording = RecordingFile(out, files, display.print)
            files.callback(lambda: print_playout_summary(display, recording.summary()))
            source = await prepare_source(file, files)
            async with connector.connect() as connection:
                report = await interpret(
                    connection,
                    str(code),
                    language,
                    source,
                    start=start_at,
                    stay=stay,
                    standby=standby,
                    take_over=take_over,
                    open_sink=recording.open,
                    playout_delay_ms=playout_delay,
                    hooks=hooks,
                    on_progress=display.show_sent,
                )
            display.close()
            display.print(describe_stream(report.stream, "spoken"))

    run(flow)


def _check_options(context: typer.Context, engine: str | None) -> None:
    """Reject options without effect. Raises typer.BadParameter."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if engine is None and "languages" in given:
        raise typer.BadParameter("needs --engine", param_hint="--languages")
    if engine is not None and (useless := [name for name in _HUMAN_OPTIONS if name in given]):
        names = ", ".join(_option_name(name) for name in useless)
        raise typer.BadParameter(f"cannot be combined with {names}", param_hint="--engine")


def _option_name(name: str) -> str:
    return "FILE.wav" if name == "file" else f"--{name.replace('_', '-')}"


async def _run_machine(display: Display, name: str, connector: Connector, options: Options) -> None:
    """Run a machine until the session ends or Ctrl-C retires it. Raises ClientError."""

    def on_news(news: News) -> None:
        if line := describe_news(news):
            display.print(line)

    session_id = JoinCode.parse(options.session_id).session_id
    try:
        engine = make_engine(name)
        try:
            machine = Machine(engine, connector.connect, options, hooks=MachineHooks(on_news))
            display.print(f"The engine {name} now interprets {session_id}.")
            reason = await _run_until_end(display, machine)
        finally:
            await engine.close()
    except EngineError as fault:
        raise MachineError(str(fault)) from None
    display.close()
    display.print(describe_report(machine.report))
    if reason is not None:
        notices.show_session_end(display, reason)


async def _run_until_end(display: Display, machine: Machine) -> str | None:
    """Return the reason of the session's end, or None if Ctrl-C stopped the machine at once."""
    running = asyncio.create_task(machine.run())
    retiring: list[asyncio.Task[None]] = []

    def on_interrupt() -> None:
        if retiring:
            running.cancel()
        else:
            display.print("Finishing the sentence. Press Ctrl-C again to stop at once.")
            retiring.append(asyncio.create_task(machine.retire()))

    with _handle_signals(on_interrupt):
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
def _handle_signals(handle: Callable[[], None]) -> Iterator[None]:
    """Handle SIGINT (Ctrl-C) and SIGTERM (service managers)."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _parse_languages(languages: str) -> tuple[str, ...] | Literal["auto"]:
    """Parse `es,ca` or `auto`. Raises typer.BadParameter for an invalid language code."""
    if languages == _AUTO:
        return _AUTO
    try:
        return tuple(validate_language_code(each.strip(), "each") for each in languages.split(","))
    except ValidationError as wrong:
        raise typer.BadParameter(wrong.message, param_hint="--languages") from None
