"""Frames of a server, parsed by the benchmarks' client."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from benchmarks.frame_client import FrameClient

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Transport:
    """Collects what the client writes."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True


class Client(FrameClient):
    """Keeps all messages."""

    def __init__(self) -> None:
        super().__init__("ws://127.0.0.1:1/dev")
        self.received: list[bytes] = []
        self.transport = Transport()
        self.connection_made(cast(asyncio.BaseTransport, self.transport))
        self.transport.written = b""

    def upgraded(self) -> None:
        self.ready.set_result("")

    def text_received(self, payload: bytes) -> None:
        self.received.append(payload)


payloads = st.one_of(st.binary(max_size=3), st.sampled_from([125, 126, 65_535, 65_536]).map(bytes))


@given(st.lists(payloads, max_size=4), st.data())
async def test_messages_are_parsed_from_any_chunks_of_bytes(
    sent: list[bytes], data: st.DataObject
) -> None:
    stream = ACCEPTED + b"".join(Frame(Opcode.TEXT, each).serialize(mask=False) for each in sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)))
    client = Client()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        client.data_received(stream[start:end])
    assert client.ready.done()
    assert client.received == sent


async def test_pings_are_answered() -> None:
    client = Client()
    client.data_received(ACCEPTED + Frame(Opcode.PING, b"hi").serialize(mask=False))
    assert client.transport.written == b"\x8a\x82" + bytes(4) + b"hi"


async def test_a_refused_handshake_fails_and_closes() -> None:
    client = Client()
    client.data_received(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    client.data_received(b"more")
    with pytest.raises(ConnectionError, match="403"):
        await client.ready
    assert client.transport.closed
