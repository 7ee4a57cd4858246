"""POST /sync/messages on the whole stack, signed as documented."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from local.endpoints import Endpoints
from shared.models.errors import CATALOGUE, ErrorCode
from shared.protocol.http_messages import MAX_BODY_BYTES
from tests.e2e.support.clients import StackClients
from tests.e2e.support.devices import device, new_user, now_ms
from tests.e2e.support.message_bus import SECRET, post, send
from tests.helpers.bus import command, encode, progress, signed_headers, watchlist
from tests.helpers.wire import Message

FILM = str(uuid.UUID(int=7))


def refused(answer: Message, status: int, code: str, field: str) -> None:
    """The complete error."""
    assert (CATALOGUE[ErrorCode(code)].status, answer["code"]) == (status, code)
    assert answer["status"] == "error"
    assert answer["message"].startswith(field)
    assert answer.keys() == {"status", "code", "message"}


async def test_a_message_reaches_all_devices_of_its_user_and_the_state(
    clients: StackClients, endpoints: Endpoints
) -> None:
    user, target = new_user(), str(uuid.uuid4())
    async with (
        device(clients, user) as one,
        device(clients, user, target) as two,
        device(clients, new_user()) as stranger,
    ):
        listed = await send(endpoints, watchlist(user, FILM, now_ms()))
        watched = await send(endpoints, progress(user, FILM, now_ms()))
        commanded = await send(endpoints, command(user, str(uuid.uuid4()), target, now_ms()))

        success = {"status": "success", "applied": True}
        assert listed == watched == (200, {**success, "relayed_to_devices": 2})
        assert commanded == (200, {**success, "relayed_to_devices": 1})
        for hearer, count in ((one, 2), (two, 3)):
            heard = [await hearer.next_sync_message() for _ in range(count)]
            assert {item["hlc"]["node"] for item in heard} == {"bus"}
            assert not any("originDeviceId" in item for item in heard)
        assert [item["kind"] for item in await one.snapshot()] == [
            "progressUpdate",
            "watchlistUpdate",
        ]
        assert [item["type"] for item in await stranger.wire.drained()] == []


async def test_a_replay_changes_nothing(clients: StackClients, endpoints: Endpoints) -> None:
    user, target = new_user(), str(uuid.uuid4())
    async with device(clients, user, target) as one:
        body = encode(command(user, str(uuid.uuid4()), target, now_ms()))
        headers = signed_headers(SECRET, body, int(time.time()))

        first = await post(endpoints, body, headers)
        assert await post(endpoints, body, headers) == first
        assert first[1]["relayed_to_devices"] == 1
        await one.next_sync_message()
        assert await one.wire.drained() == []

        body = encode(progress(user, FILM, 5, position=1))
        headers = signed_headers(SECRET, body, int(time.time()))
        await post(endpoints, body, headers)
        await one.watch(FILM, 30)
        assert (await post(endpoints, body, headers))[1]["applied"] is False
        assert [item["positionSeconds"] for item in await one.snapshot()] == [30]


@pytest.mark.parametrize(
    ("secret", "age", "dropped"),
    [
        ("guessed", 0, None),
        (SECRET, 400, None),
        (SECRET, -400, None),
        (SECRET, 0, "X-Lingocast-Signature"),
        (SECRET, 0, "X-Lingocast-Timestamp"),
    ],
)
async def test_a_stale_or_missing_signature_is_refused(
    clients: StackClients, endpoints: Endpoints, secret: str, age: int, dropped: str | None
) -> None:
    user = new_user()
    async with device(clients, user) as one:
        body = encode(watchlist(user, FILM, now_ms()))
        headers = signed_headers(secret, body, int(time.time()) - age)
        if dropped is not None:
            del headers[dropped]

        status, answer = await post(endpoints, body, headers)

        assert status == 401
        refused(answer, 401, "INVALID_SIGNATURE", "X-Lingocast-")
        assert await one.snapshot() == []
        assert await one.wire.drained() == []


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"type": "DANCE"}, 400, "INVALID_MESSAGE", "message.type: "),
        ({"contentId": None}, 400, "INVALID_MESSAGE", "message.contentId: "),
        ({"contentId": "film"}, 400, "INVALID_SYNC", "message.contentId: not a UUID"),
        ({"timestamp": 2**52}, 400, "CLOCK_SKEW", "message.timestamp: "),
        ({"padding": "x" * MAX_BODY_BYTES}, 413, "MESSAGE_TOO_LARGE", "body: "),
    ],
)
async def test_errors_name_the_field(
    endpoints: Endpoints, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    envelope = watchlist(new_user(), FILM, 5)
    envelope["message"].update(changes)

    answered, answer = await send(endpoints, envelope)

    assert answered == status
    refused(answer, status, code, field)


async def test_a_command_to_an_unknown_device(clients: StackClients, endpoints: Endpoints) -> None:
    user = new_user()
    async with device(clients, user) as one:
        async with device(clients, user) as away:
            pass
        await one.wait_for_presence(away.device_id, online=False)

        for target, status, code in (
            (str(uuid.uuid4()), 404, "DEVICE_NOT_FOUND"),
            (away.device_id, 409, "DEVICE_OFFLINE"),
        ):
            envelope = command(user, str(uuid.uuid4()), target, now_ms())
            answered, answer = await send(endpoints, envelope)
            assert answered == status
            refused(answer, status, code, "message.targetDeviceId: ")
