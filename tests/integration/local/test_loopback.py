"""Both loopback addresses serve the same gateway; a machine without IPv6 has one."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

import pytest
from websockets.asyncio.client import connect

from local.base import loopback
from local.base.errors import PortTakenError
from local.http.messages import Response
from local.http.server import HttpServer
from tests.integration.local.conftest import ServeFactory
from tests.unit.local.stacks import stack


def _closing(sockets: list[socket.socket]) -> ExitStack:
    closing = ExitStack()
    for item in sockets:
        closing.enter_context(item)
    return closing


def test_both_addresses_have_the_same_port() -> None:
    sockets = loopback.bind(0)
    with _closing(sockets):
        names = [item.getsockname()[:2] for item in sockets]
    port = names[0][1]
    assert names == [("127.0.0.1", port), ("::1", port)]


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_machine_without_ipv6_has_one_address(number: int) -> None:
    def make(family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6")
        return socket.socket(family, kind)

    sockets = loopback.bind(0, make=make)
    with _closing(sockets):
        assert [item.getsockname()[0] for item in sockets] == ["127.0.0.1"]


def test_a_port_taken_only_in_ipv6_is_taken() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} of ::1 is taken"):
            loopback.bind(port)


def test_a_free_port_is_free_at_both_addresses() -> None:
    made: list[int] = []

    class Taken(socket.socket):
        """A socket for which the first IPv6 port is taken."""

        def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            if self.family == socket.AF_INET6:
                made.append(address[1])
                if len(made) == 1:
                    raise OSError(errno.EADDRINUSE, "taken")
            super().bind(address)

    sockets = loopback.bind(0, make=Taken)
    with _closing(sockets):
        assert {item.getsockname()[1] for item in sockets} == {made[1]}


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_the_gateway_listens_at_both_addresses(serve: ServeFactory, host: str) -> None:
    served = await serve(stack({}))
    async with connect(f"ws://{host}:{served.port}/dev", compression=None) as client:
        assert client.state.name == "OPEN"


async def test_an_http_server_can_listen_at_both_addresses() -> None:
    server = await HttpServer.listen(lambda _: Response(200), max_body_bytes=1, ipv6=True)
    try:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, server.port), timeout=5):
                pass
    finally:
        server.close()
