"""Sizes and kinds of frames, and the protocol's own frames."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.conformance.catalogue import Confidence, Needs, behaviour
from tests.conformance.dialects import question
from tests.conformance.driver import PATIENCE_SECONDS, Api

KIB = 1024
FRAME = 32 * KIB
MESSAGE = 128 * KIB
_QUOTAS = "apigateway-execution-service-websocket-limits-table"


def frames(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@behaviour(
    "Frame of 32 KB",
    "It passes",
    _QUOTAS,
    needs=Needs.MESSAGES,
)
async def test_a_frame_of_the_full_size_is_taken(api: Api) -> None:
    client = await api.connect()
    await client.send(question(FRAME))
    assert api.dialect.answered_by_default(await client.json())


@behaviour(
    "Larger frame",
    "The connection is closed with 1009",
    _QUOTAS,
    needs=Needs.MESSAGES,
)
async def test_a_frame_over_the_quota_closes_the_connection(api: Api) -> None:
    client = await api.connect()
    with suppress(ConnectionClosed):
        await client.send(question(FRAME + 1))
    assert (await client.closing())[0] == 1009


@behaviour(
    "Message of 128 KB",
    "It passes in frames of up to 32 KB each, however many",
    _QUOTAS,
    needs=Needs.MESSAGES,
)
@pytest.mark.parametrize("size", [FRAME, KIB])
async def test_a_message_of_the_full_size_is_taken(api: Api, size: int) -> None:
    client = await api.connect()
    await client.send(frames(question(MESSAGE), size))
    assert api.dialect.answered_by_default(await client.json())


@behaviour(
    "Larger message",
    "The connection is closed with 1009",
    _QUOTAS,
    needs=Needs.MESSAGES,
)
async def test_a_message_over_the_quota_closes_the_connection(api: Api) -> None:
    client = await api.connect()
    with suppress(ConnectionClosed):
        await client.send(frames(question(MESSAGE + 1), FRAME))
    assert (await client.closing())[0] == 1009


@behaviour(
    "Binary frame",
    "The connection is closed with 1003",
    "websocket-api-develop-binary-media-types",
    needs=Needs.MESSAGES,
)
async def test_a_binary_message_closes_the_connection(api: Api) -> None:
    client = await api.connect()
    await client.send(b"bytes")
    assert (await client.closing())[0] == 1003


@behaviour(
    "Ping",
    "A ping of the client is answered with a pong",
    "https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2",
    "https://github.com/andyrichardson/subscriptionless/issues/3",
    confidence=Confidence.ASSUMED,
    needs=Needs.MESSAGES,
)
async def test_pings_are_answered(api: Api) -> None:
    client = await api.connect()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await (await client.socket.ping())
