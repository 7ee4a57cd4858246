"""Helpers to run the command line against a fake service in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol

from typer.testing import CliRunner, Result
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from cli.main import app


class Service(Protocol):
    """A fake service."""

    async def handle(self, connection: ServerConnection) -> None:
        """Serve a connection until it ends."""


def run(*arguments: str) -> Result:
    """Run a command line in this process; return its output and exit code."""
    return CliRunner().invoke(app, list(arguments))


@contextlib.contextmanager
def server(service: Service, refuse: int | None = None) -> Iterator[str]:
    """Serve in a separate thread, because the command line runs its own event loop."""
    listening, stop = threading.Event(), threading.Event()
    address: list[str] = []

    def check(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(refuse, "no") if refuse else None

    async def serving() -> None:
        async with serve(service.handle, "127.0.0.1", 0, process_request=check) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            address.append(f"ws://127.0.0.1:{port}/dev")
            listening.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serving()))
    thread.start()
    listening.wait(30)
    try:
        yield address[0]
    finally:
        stop.set()
        thread.join()


def fails(result: Result, *parts: str) -> None:
    """Check that it failed with one line that contains all parts."""
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]
