"""Running a command's flow: what people see of its end, by success, by an error or by Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from cli.console import Display
from cli.hints import hint_for
from client.errors import ClientError
from client.escaping import printable

_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended


def run(
    flow: Callable[[Display], Coroutine[Any, Any, None]], interrupted_exit_code: int = _INTERRUPTED
) -> None:
    """Run a command's flow; an error becomes one line with its remedy, and exit code 1."""
    display = Display()
    try:
        with display:
            asyncio.run(flow(display))
    except ClientError as error:
        advice = hint_for(error)
        line = f"error: {error}" + (f"; {advice}" if advice else "")
        typer.echo(printable(line), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        if interrupted_exit_code:
            display.print("Interrupted.")
        raise typer.Exit(interrupted_exit_code) from None


async def enter_pressed() -> None:
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
