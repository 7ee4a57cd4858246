"""POST /sync/messages: changes and commands from an external message bus."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.bus import (
    command,
    encode,
    progress,
    signed_headers,
    watchlist,
    webhook_event,
)
from tests.helpers.clients import Message
from tests.helpers.phones import device_id, phone
from tests.helpers.world import World

FILM = str(uuid.UUID(int=77))


def send(
    world: World, envelope: object, *, body: bytes | None = None, encoded: bool = False
) -> tuple[int, Message]:
    """Sign and post an envelope; return status and body."""
    body = encode(envelope) if body is None else body
    now = world.clock.now_ms()
    return post(world, body, signed_headers(world.sync_secret, body, now // 1000), encoded=encoded)


def post(
    world: World, body: bytes, headers: dict[str, str], *, encoded: bool = False
) -> tuple[int, Message]:
    event = webhook_event(body, headers, world.clock.now_ms(), encoded=encoded)
    answer = world.call("device_sync", event)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize("encoded", [False, True])
def test_all_devices_of_the_user_receive_a_change(world: World, encoded: bool) -> None:
    one, two, bob = phone(world, "alice", 1), phone(world, "alice", 2), phone(world, "bob", 3)
    now = world.clock.now_ms()

    status, answer = send(world, watchlist("alice", FILM.upper(), now), encoded=encoded)

    assert (status, answer) == (
        200,
        {"status": "success", "applied": True, "relayed_to_devices": 2},
    )
    assert one.received() == two.received() == one.snapshot()
    assert one.received() == [
        {
            "type": "syncMessage",
            "kind": "watchlistUpdate",
            "hlc": {"wallMs": now, "counter": 0, "node": "bus"},
            "timestamp": now,
            "contentId": FILM.upper(),
            "operation": "add",
        }
    ]
    assert bob.received() == []


def test_the_origin_does_not_receive_its_own_change(world: World) -> None:
    one, two = phone(world, "alice", 1), phone(world, "alice", 2)

    _, answer = send(world, watchlist("alice", FILM, 5, deviceId=one.device_id))

    assert answer["relayed_to_devices"] == 1
    assert one.received() == []
    assert two.received()[0]["originDeviceId"] == one.device_id


def test_bus_messages_are_ordered_by_clock(world: World) -> None:
    one = phone(world, "alice", 1)
    now = world.clock.now_ms()
    one.watch(FILM, 20, hlc={"wallMs": now, "counter": 0, "node": "a phone"})

    assert send(world, progress("alice", FILM, now - 1))[1]["applied"] is False
    assert send(world, progress("alice", FILM, now))[1]["applied"] is True
    assert one.watch(FILM, 30, hlc={"wallMs": now, "counter": 0, "node": "a phone"})["applied"] is (
        False
    )
    assert one.snapshot()[0]["positionSeconds"] == 5.5


def test_repeated_messages_change_nothing(world: World) -> None:
    one, two = phone(world, "alice", 1), phone(world, "alice", 2)
    now = world.clock.now_ms()
    commanded = command("alice", str(uuid.uuid4()), two.device_id, now, arguments={"why": ["<b>"]})

    for envelope in (watchlist("alice", FILM, now), commanded):
        assert send(world, envelope) == send(world, envelope)
    assert [item["kind"] for item in two.received()] == ["watchlistUpdate"] * 2 + ["deviceCommand"]
    assert two.received()[-1]["arguments"] == {"why": ["<b>"]}
    assert one.received("syncMessage") == two.received()[:2]


def test_a_user_without_devices_is_no_error(world: World) -> None:
    status, answer = send(world, watchlist("nobody yet", FILM, 5))

    assert (status, answer["relayed_to_devices"]) == (200, 0)
    assert [item["contentId"] for item in phone(world, "nobody yet", 1).snapshot()] == [FILM]


def without(envelope: dict[str, Any], field: str) -> dict[str, Any]:
    message = {name: value for name, value in envelope["message"].items() if name != field}
    return {**envelope, "message": message}


def with_(envelope: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**envelope, "message": {**envelope["message"], **fields}}


ADDED = watchlist("alice", FILM, 5)
WATCHED = progress("alice", FILM, 5)
COMMAND = command("alice", str(uuid.UUID(int=5)), device_id(1), 5)


@pytest.mark.parametrize(
    ("envelope", "status", "code", "text"),
    [
        ([ADDED], 400, "INVALID_MESSAGE", "body: expected object"),
        ({"message": ADDED["message"]}, 400, "INVALID_MESSAGE", "channel: missing"),
        ({"channel": "user.alice"}, 400, "INVALID_MESSAGE", "message: missing"),
        ({**ADDED, "channel": "alice"}, 400, "INVALID_SYNC", "channel: not of the form"),
        ({**ADDED, "channel": "user."}, 400, "INVALID_SYNC", "channel: not of the form"),
        ({**ADDED, "channel": "user." + "x" * 252}, 400, "INVALID_MESSAGE", "channel: "),
        (
            with_(ADDED, type="DANCE"),
            400,
            "INVALID_MESSAGE",
            "message.type: 'DANCE' is not one of WATCHLIST_UPDATE, PROGRESS_UPDATE, DEVICE_COMMAND",
        ),
        (without(ADDED, "type"), 400, "INVALID_MESSAGE", "message.type: missing"),
        (without(ADDED, "timestamp"), 400, "INVALID_MESSAGE", "message.timestamp: missing"),
        (with_(ADDED, timestamp="now"), 400, "INVALID_MESSAGE", "message.timestamp: "),
        (with_(ADDED, operation="has"), 400, "INVALID_MESSAGE", "message.operation: "),
        (without(ADDED, "contentId"), 400, "INVALID_MESSAGE", "message.contentId: missing"),
        (with_(ADDED, contentId="film"), 400, "INVALID_SYNC", "message.contentId: not a UUID"),
        (with_(WATCHED, contentId="film"), 400, "INVALID_SYNC", "message.contentId: not a UUID"),
        (with_(ADDED, deviceId="phone"), 400, "INVALID_SYNC", "message.deviceId: not a UUID"),
        (with_(WATCHED, positionSeconds=61), 400, "INVALID_SYNC", "message.positionSeconds: "),
        (with_(COMMAND, commandId="x"), 400, "INVALID_SYNC", "message.commandId: not a UUID"),
        (with_(COMMAND, targetDeviceId="x"), 400, "INVALID_SYNC", "message.targetDeviceId: not a"),
        (with_(COMMAND, command="!"), 400, "INVALID_SYNC", "message.command: "),
        (with_(COMMAND, arguments={"x": "y" * 5_000}), 400, "INVALID_SYNC", "message.arguments: "),
        (with_(COMMAND, deviceId=device_id(1)), 400, "INVALID_SYNC", "message.targetDeviceId: the"),
        (with_(COMMAND, targetDeviceId=device_id(9)), 404, "DEVICE_NOT_FOUND", "message.targetDev"),
        (with_(COMMAND, targetDeviceId=device_id(2)), 409, "DEVICE_OFFLINE", "message.targetDevic"),
        (with_(ADDED, timestamp=2**53 - 1), 400, "CLOCK_SKEW", "message.timestamp: "),
        ("x" * 24_575, 413, "MESSAGE_TOO_LARGE", "body: "),
    ],
)
def test_errors_name_the_field_and_change_nothing(
    world: World, envelope: object, status: int, code: str, text: str
) -> None:
    one, two = phone(world, "alice", 1), phone(world, "alice", 2)
    world.disconnect(two.connection)

    answered, answer = send(world, envelope)

    assert (answered, answer["status"], answer["code"]) == (status, "error", code), answer
    assert answer["message"].startswith(text)
    assert (one.received(), one.snapshot()) == ([], [])


def test_a_body_that_is_not_json(world: World) -> None:
    assert send(world, None, body=b"{")[1] == {
        "status": "error",
        "code": "INVALID_MESSAGE",
        "message": "body: not JSON",
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_signed_body_is_answered(world: World, body: bytes) -> None:
    status, answer = send(world, None, body=body, encoded=True)

    assert (status, answer["code"]) == (400, "INVALID_MESSAGE")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"X-Lingocast-Signature": None}, "X-Lingocast-Signature: missing"),
        ({"X-Lingocast-Timestamp": None}, "X-Lingocast-Timestamp: missing"),
        ({"X-Lingocast-Signature": "v1=" + "0" * 64}, "X-Lingocast-Signature: does not match"),
        ({"X-Lingocast-Signature": "v2=" + "0" * 64}, "X-Lingocast-Signature: missing, or not"),
        ({"X-Lingocast-Timestamp": "soon"}, "X-Lingocast-Timestamp: missing, or not"),
        ({"X-Lingocast-Timestamp": "\u0661"}, "X-Lingocast-Timestamp: missing, or not"),
    ],
)
def test_invalid_signatures_change_nothing(
    world: World, changes: dict[str, str | None], text: str
) -> None:
    one = phone(world, "alice", 1)
    body = encode(ADDED)
    signed = signed_headers(world.sync_secret, body, world.clock.now_ms() // 1000)
    headers = {name: value for name, value in {**signed, **changes}.items() if value is not None}

    status, answer = post(world, body, headers)

    assert (status, answer["status"], answer["code"]) == (401, "error", "INVALID_SIGNATURE")
    assert answer["message"].startswith(text)
    assert (one.received(), one.snapshot()) == ([], [])


def test_a_signature_is_valid_for_one_body_and_time(world: World) -> None:
    now = world.clock.now_ms() // 1000
    headers = signed_headers(world.sync_secret, encode(ADDED), now)
    later = {**headers, "X-Lingocast-Timestamp": str(now + 1)}

    assert post(world, encode(WATCHED), headers)[0] == 401
    assert post(world, encode(ADDED), later)[0] == 401
    assert post(world, encode(ADDED), headers)[0] == 200


@pytest.mark.parametrize(("age", "status"), [(300, 200), (301, 401), (-300, 200), (-301, 401)])
def test_a_signature_is_valid_for_five_minutes(world: World, age: int, status: int) -> None:
    body = encode(ADDED)
    headers = signed_headers(world.sync_secret, body, world.clock.now_ms() // 1000 - age)

    assert post(world, body, headers)[0] == status


def test_a_signature_by_another_secret_is_refused(world: World) -> None:
    body = encode(ADDED)
    headers = signed_headers("guessed", body, world.clock.now_ms() // 1000)

    assert post(world, body, headers)[0] == 401


def test_a_rotated_secret_takes_effect(world: World) -> None:
    assert send(world, ADDED)[0] == 200
    body = encode(ADDED)
    old = world.sync_secret
    world.clock.advance(10_000)

    world.sync_secret = "a new one"
    assert send(world, ADDED)[0] == 200
    headers = signed_headers(old, body, world.clock.now_ms() // 1000)
    assert post(world, body, headers)[0] == 401
