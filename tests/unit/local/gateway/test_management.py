"""Posts to connections, without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.server import ServerProtocol

from local.gateway.connections import ClientConnection, Connections
from local.gateway.management import ManagementApi
from local.gateway.websocket_events import HandshakeRequest, WebSocketEventFactory
from local.http.messages import Request
from local.iam.request_authorizer import allow_all
from tests.helpers.doubles import ManualClock
from tests.unit.local.stacks import stack

MAX_BUFFER_BYTES = 1_000_000
IDS = ("L0SM9cOFvHcCIhw=", "a-b_c+d/e0f=")


@dataclass
class Transport:
    """Collects what is written."""

    written: bytearray = field(default_factory=bytearray)
    unsent_bytes: int = 0

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes


class Socket:
    """An open server connection over a transport without a network."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol()
        self.protocol.state = OPEN
        self.transport = Transport()

    def received(self) -> list[str]:
        """The text messages that the client receives."""
        client = Protocol(Side.CLIENT, max_size=None)
        client.receive_data(bytes(self.transport.written))
        frames = [cast(Frame, event) for event in client.events_received()]
        assert all(frame.opcode is Opcode.TEXT and frame.fin for frame in frames)
        return [bytes(frame.data).decode() for frame in frames]


class Served:
    """The API with two open connections."""

    def __init__(self) -> None:
        connections, clock = Connections(), ManualClock()
        self.sockets = {}
        for connection_id in IDS:
            socket = self.sockets[connection_id] = Socket()
            events = WebSocketEventFactory(
                stack(), connection_id, clock.now_ms(), HandshakeRequest((), "", "127.0.0.1")
            )
            server = cast(ServerConnection, socket)
            connections.add(ClientConnection(server, events, clock, MAX_BUFFER_BYTES))
        self._api = ManagementApi("dev", connections, allow_all)

    def post(self, connection_id: str, body: bytes) -> int:
        """Post to a connection; returns the status."""
        target = f"/dev/@connections/{connection_id}"
        return self._api.handle(Request("POST", target, (), body)).status


messages = st.one_of(st.text(max_size=8), st.integers(0, 70_000).map(lambda size: "x" * size))


@given(st.lists(st.tuples(st.sampled_from(IDS), messages), max_size=8))
def test_each_connection_receives_its_messages_in_order(sent: list[tuple[str, str]]) -> None:
    served = Served()
    statuses = [served.post(connection_id, text.encode()) for connection_id, text in sent]
    assert set(statuses) <= {200}
    for connection_id, socket in served.sockets.items():
        assert socket.received() == [text for to, text in sent if to == connection_id]


def test_a_refused_message_is_refused_to_every_connection() -> None:
    served = Served()
    assert [served.post(connection_id, b"\xff") for connection_id in IDS] == [400, 400]
    assert [served.post(connection_id, bytes(131_073)) for connection_id in IDS] == [413, 413]
    assert [socket.received() for socket in served.sockets.values()] == [[], []]


def test_a_message_that_exceeds_the_send_buffer_is_refused() -> None:
    served = Served()
    full = served.sockets[IDS[0]]
    full.transport.unsent_bytes = MAX_BUFFER_BYTES - 4
    assert [served.post(connection_id, b"hello") for connection_id in IDS] == [429, 200]
    assert full.received() == []
    full.transport.unsent_bytes -= 1
    assert served.post(IDS[0], b"hello") == 200


def test_a_closing_connection_is_gone() -> None:
    served = Served()
    served.post(IDS[0], b"hello")
    served.sockets[IDS[0]].protocol.send_close(1000)
    assert [served.post(connection_id, b"hello") for connection_id in IDS] == [410, 200]
