"""HTTP server that responds 200 at once, with or without TLS, for measuring clients.

`python -m benchmarks.instant_server [CERTIFICATE_AND_KEY.pem]` prints its port and serves until its
standard input ends, so it stops with its parent process. The response to GET is the number of other
requests so far.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httptools
import trustme
import uvloop

from local.base.loopback import HOST

_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class _Tally:
    requests: int = 0


class _Instant(asyncio.Protocol):
    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            asyncio.WriteTransport, transport
        )  # uvloop's class is not a subclass

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            text = str(self._tally.requests)
            self._transport.write(
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
            )
            return
        self._tally.requests += 1
        self._transport.write(_RESPONSE)


async def _serve(certificate: str | None) -> None:
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    tally = _Tally()
    server = await loop.create_server(lambda: _Instant(tally), HOST, 0, ssl=context, backlog=1_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def instant_server(directory: Path) -> Iterator[tuple[str, str]]:
    """Run the server with TLS in a process; yields its URL and the CA file to trust."""
    authority = trustme.CA()
    trusted, own = directory / "ca.pem", directory / "server.pem"
    authority.cert_pem.write_to_path(str(trusted))
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(own))
    with _running(str(own)) as (port, _):
        yield f"https://{HOST}:{port}", str(trusted)


@contextlib.contextmanager
def plain_server() -> Iterator[tuple[str, int]]:
    """Run the server without TLS in a process; yields its URL and process ID."""
    with _running() as (port, pid):
        yield f"http://{HOST}:{port}", pid


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-m", "benchmarks.instant_server", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.stdin.close()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1] if len(sys.argv) > 1 else None))
