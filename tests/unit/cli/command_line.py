"""The command line as tests use it: against a service in a thread, told apart by what it prints."""

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
    """Whatever can talk to a client."""

    async def handle(self, connection: ServerConnection) -> None:
        """Talk until the connection ends."""


def run(*arguments: str) -> Result:
    """What a command line prints, and how it ends."""
    return CliRunner().invoke(app, list(arguments))


@contextlib.contextmanager
def server(service: Service, refuse: int | None = None) -> Iterator[str]:
    """A service in a thread of its own: the command line brings its own event loop."""
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
    """It failed with one line, which says all of that."""
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]
