"""Runs a command's flow, and reports errors and Ctrl-C to the user."""

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

_INTERRUPTED = 130  # what shells report after Ctrl-C


def run(
    flow: Callable[[Display], Coroutine[Any, Any, None]], interrupted_exit_code: int = _INTERRUPTED
) -> None:
    """Run a flow. An error is printed as one line with a hint, and exits with 1."""
    display = Display()
    try:
        with display:
            asyncio.run(flow(display))
    except ClientError as error:
        hint = hint_for(error)
        line = f"error: {error}" + (f"; {hint}" if hint else "")
        typer.echo(printable(line), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        if interrupted_exit_code:
            display.print("Interrupted.")
        raise typer.Exit(interrupted_exit_code) from None


async def wait_for_enter() -> None:
    """Wait for a line on standard input without a thread, so that Ctrl-C works."""
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), pressed.set)
    except (OSError, ValueError):  # standard input is a file or closed
        return
    try:
        await pressed.wait()
        sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin.fileno())
