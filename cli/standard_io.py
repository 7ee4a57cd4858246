"""Standard streams of a command line, and validation of its arguments as UTF-8 text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import typer

from shared.utils.standard_streams import standard_streams
from shared.utils.text_arguments import NOT_UTF8, is_text

_USAGE_ERROR = 2


class RawFileName(str):
    """File name argument that may contain any bytes; pass it as an option's `parser`."""

    __slots__ = ()


def serve(app: typer.Typer, program: str) -> NoReturn:
    """Run the command line and exit with its status."""
    with standard_streams():
        with_text_check(app)(prog_name=program)
    raise SystemExit(0)


def with_text_check(app: typer.Typer) -> Any:
    """The app's command, which rejects options and arguments that are not UTF-8 text.

    Covers all subcommands, and environment variables that replace options. Only paths and file
    names may contain any bytes.
    """
    command = typer.main.get_command(app)
    for parameter in _parameters(command):
        _add_check(parameter)
    return command


def _parameters(command: Any) -> Iterator[Any]:
    yield from command.params
    for inner in getattr(command, "commands", {}).values():
        yield from _parameters(inner)


def _add_check(parameter: Any) -> None:
    callback = parameter.callback

    def check(context: typer.Context, parameter: Any, value: Any) -> Any:
        if not all(map(is_text, _texts(value))):
            # Do not show the value: it may be a token.
            typer.echo(f"error: {_display_name(parameter)} {NOT_UTF8}", err=True)
            raise typer.Exit(_USAGE_ERROR)
        return callback(context, parameter, value) if callback is not None else value

    parameter.callback = check


def _display_name(parameter: Any) -> str:
    """`--url (or LINGOCAST_URL)`, `TEXT`."""
    option = parameter.opts[0]
    name = option if option.startswith("-") else parameter.metavar or option.upper()
    return f"{name} (or {parameter.envvar})" if parameter.envvar else name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if not isinstance(value, RawFileName):
            yield value
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for item in value:
            yield from _texts(item)
