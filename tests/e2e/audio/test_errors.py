"""Errors of sendAudio: pushed to the sender only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients
from tests.helpers.wire import CHUNK


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"seq": -1}, "INVALID_MESSAGE", "seq"),
        ({"timestamp": "now"}, "INVALID_MESSAGE", "timestamp"),
        ({"audio": "%%%"}, "INVALID_MESSAGE", "audio"),
        ({"audio": ""}, "INVALID_AUDIO", "audio"),
        ({"audio": "AAAA"}, "INVALID_AUDIO", "audio"),
    ],
)
async def test_invalid_audio(
    clients: StackClients, fields: dict[str, Any], code: str, field: str
) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
    ):
        await speaker.send_audio(**{"seq": 0, "requestId": "a1", **fields})

        error = await speaker.expect("error")
        assert error["requestId"] == "a1"
        assert_error(error, code, "sendAudio", field)
        await speaker.send_audio(1)
        assert (await listener.expect("audio"))["seq"] == 1


async def test_audio_of_a_wrong_size(clients: StackClients) -> None:
    async with clients.session(audioFormat={"chunkMs": 200}) as (speaker, _):
        for size, code in ((99, "INVALID_AUDIO"), (6_402, "INVALID_AUDIO"), (101, "INVALID_AUDIO")):
            await speaker.send_audio(0, bytes(size))
            assert_error(await speaker.expect("error"), code, "sendAudio", "audio")
        await assert_alive(speaker)


async def test_fragmented_audio_over_32_kb(clients: StackClients) -> None:
    async with clients.session() as (speaker, _):
        text = json.dumps({"action": "sendAudio", "seq": 0, "timestamp": 1, "audio": "A" * 43_696})
        # Frames of 16 KB: the message passes the gateway, the chunk is refused by its size.
        await speaker.socket.send(text[at : at + 16_384] for at in range(0, len(text), 16_384))

        assert_error(await speaker.expect("error"), "MESSAGE_TOO_LARGE", "sendAudio", "audio")
        await assert_alive(speaker)


async def test_senders_without_permission(clients: StackClients) -> None:
    async with (
        clients.session() as (_, session_id),
        clients.listener(session_id, "en") as listener,
        clients.listener(session_id, "en") as intruder,
        clients.connection() as outsider,
    ):
        await intruder.send_audio(0)
        await outsider.send_audio(0)

        assert_error(await intruder.expect("error"), "FORBIDDEN", "sendAudio")
        assert_error(await outsider.expect("error"), "FORBIDDEN", "sendAudio")
        assert await listener.drained() == []


async def test_audio_faster_than_real_time(clients: StackClients) -> None:
    async with (
        clients.session(audioFormat={"chunkMs": 1000, "sampleRate": 8000}) as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
    ):
        for seq in range(12):
            await speaker.send_audio(seq, CHUNK)

        assert_error(await speaker.expect("error"), "RATE_LIMITED", "sendAudio", "seq")
        await listener.expect("audio")
        await assert_alive(speaker)
