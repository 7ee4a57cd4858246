"""An HTTPS server that answers 200 at once: the far side for measuring clients.

Run as `python -m benchmarks.instant_server CERTIFICATE_AND_KEY.pem`: it prints its port and serves
until its standard input ends, so it cannot outlive whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httptools
import trustme
import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class _Instant(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(_ANSWER)


async def _serve(certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Instant, "127.0.0.1", 0, ssl=context, backlog=1_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def instant_server(directory: Path) -> Iterator[tuple[str, str]]:
    """Run it in a process of its own; gives its address and the file of whom to trust."""
    authority = trustme.CA()
    trusted, own = directory / "ca.pem", directory / "server.pem"
    authority.cert_pem.write_to_path(str(trusted))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(own))
    command = [sys.executable, "-m", "benchmarks.instant_server", str(own)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield f"https://127.0.0.1:{port}", str(trusted)
        finally:
            process.stdin.close()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
