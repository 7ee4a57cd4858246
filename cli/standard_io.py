"""The edge of a command line: its standard streams, and the bytes of its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import typer

from shared.utils.standard_streams import standard_streams
from shared.utils.text_arguments import NOT_UTF8, is_text

_USAGE_ERROR = 2


class FileName(str):
    """An argument that names a file, and so may hold any bytes: an option's `parser`."""

    __slots__ = ()


def serve(app: typer.Typer, program: str) -> NoReturn:
    """Run the command that the arguments name, and end the process with its exit status."""
    with standard_streams():
        checked(app)(prog_name=program)
    raise SystemExit(0)


def checked(app: typer.Typer) -> Any:
    """The app's command, in which every option and argument of every command must be text.

    That holds for environment variables in their place, too. Only paths and file names may be
    any bytes.
    """
    command = typer.main.get_command(app)
    for parameter in _parameters(command):
        _check(parameter)
    return command


def _parameters(command: Any) -> Iterator[Any]:
    yield from command.params
    for inner in getattr(command, "commands", {}).values():
        yield from _parameters(inner)


def _check(parameter: Any) -> None:
    former = parameter.callback

    def checking(context: typer.Context, parameter: Any, value: Any) -> Any:
        if not all(map(is_text, _texts(value))):
            # The value may be a token: it is not shown.
            typer.echo(f"error: {_hint(parameter)} {NOT_UTF8}", err=True)
            raise typer.Exit(_USAGE_ERROR)
        return former(context, parameter, value) if former is not None else value

    parameter.callback = checking


def _hint(parameter: Any) -> str:
    """How a person knows it: `--url (or LINGOCAST_URL)`, `TEXT`."""
    option = parameter.opts[0]
    name = option if option.startswith("-") else parameter.metavar or option.upper()
    return f"{name} (or {parameter.envvar})" if parameter.envvar else name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if not isinstance(value, FileName):
            yield value
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for item in value:
            yield from _texts(item)
