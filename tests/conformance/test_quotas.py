"""Sizes and types of frames."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.dialects import default_message
from tests.conformance.driver import TIMEOUT_SECONDS, Api

KIB = 1024
FRAME = 32 * KIB
MESSAGE = 128 * KIB
_QUOTAS = "apigateway-execution-service-websocket-limits-table"


def frames(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@behaviour(
    "Frame of 32 KB",
    "It is accepted",
    _QUOTAS,
    requires=Requirement.MESSAGES,
)
async def test_a_frame_of_the_maximum_size_is_accepted(api: Api) -> None:
    client = await api.connect()
    await client.send(default_message(FRAME))
    assert api.dialect.is_default_reply(await client.json())


@behaviour(
    "Larger frame",
    "The connection is closed with 1009",
    _QUOTAS,
    requires=Requirement.MESSAGES,
)
async def test_a_frame_over_the_quota_closes_the_connection(api: Api) -> None:
    client = await api.connect()
    with suppress(ConnectionClosed):
        await client.send(default_message(FRAME + 1))
    assert (await client.closing())[0] == 1009


@behaviour(
    "Message of 128 KB",
    "It is accepted in any number of frames of up to 32 KB each",
    _QUOTAS,
    requires=Requirement.MESSAGES,
)
@pytest.mark.parametrize("size", [FRAME, KIB])
async def test_a_message_of_the_maximum_size_is_accepted(api: Api, size: int) -> None:
    client = await api.connect()
    await client.send(frames(default_message(MESSAGE), size))
    assert api.dialect.is_default_reply(await client.json())


@behaviour(
    "Larger message",
    "The connection is closed with 1009",
    _QUOTAS,
    requires=Requirement.MESSAGES,
)
async def test_a_message_over_the_quota_closes_the_connection(api: Api) -> None:
    client = await api.connect()
    with suppress(ConnectionClosed):
        await client.send(frames(default_message(MESSAGE + 1), FRAME))
    assert (await client.closing())[0] == 1009


@behaviour(
    "Binary frame",
    "The connection is closed with 1003",
    "websocket-api-develop-binary-media-types",
    requires=Requirement.MESSAGES,
)
async def test_a_binary_message_closes_the_connection(api: Api) -> None:
    client = await api.connect()
    await client.send(b"bytes")
    assert (await client.closing())[0] == 1003


@behaviour(
    "Ping",
    "API Gateway answers a client's ping with a pong",
    "https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2",
    "https://github.com/andyrichardson/subscriptionless/issues/3",
    confidence=Confidence.ASSUMED,
    requires=Requirement.MESSAGES,
)
async def test_pings_are_answered(api: Api) -> None:
    client = await api.connect()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await (await client.socket.ping())
