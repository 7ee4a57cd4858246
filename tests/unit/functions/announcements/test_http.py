"""Announcements over the HTTP API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.helpers.clients import Message
from tests.helpers.world import World

BASE = "/api/creator/broadcast"


def call(
    world: World,
    route: str,
    body: object = None,
    *,
    user: str = "olga",
    groups: str = "[operators]",
    token_use: str = "access",
) -> tuple[int, Message]:
    """Call a route; return status and body."""
    method, _, path = route.partition(" ")
    claims = {"sub": user, "token_use": token_use, "cognito:groups": groups}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {BASE}{path}",
        "headers": {},
        "requestContext": {
            "authorizer": {"jwt": {"claims": claims}},
            "timeEpoch": world.clock.now_ms(),
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    answer = world.call("announcements", event)
    return answer["statusCode"], json.loads(answer["body"])


def announced(world: World, **fields: object) -> Message:
    status, answer = call(world, "POST ", {"message": "Pause", **fields})
    assert status == 200, answer
    return answer


def test_announcing(world: World) -> None:
    _, session_id = world.create_session()
    spanish, anonymous = world.listener(session_id, "es"), world.connect()

    answer = announced(world, message=" Pause ", type="alert", translations={"es": "Pausa"})

    assert answer == {
        "status": "success",
        "id": answer["id"],
        "message": "Pause",
        "character_count": 5,
        "max_characters": 280,
        "sent_to_users": 3,
    }
    (push,) = world.pushes(spanish)
    assert (push["announcementId"], push["message"], push["messageType"]) == (
        answer["id"],
        "Pausa",
        "alert",
    )
    assert len(world.pushes(anonymous)) == 1


def test_a_key_announces_once(world: World) -> None:
    reader = world.connect()

    first = announced(world, idempotency_key="k")

    assert announced(world, idempotency_key="k") == first
    assert len(world.pushes(reader)) == 1


def test_clearing(world: World) -> None:
    reader = world.connect()
    announced(world)

    status, answer = call(world, "POST /clear")

    assert (status, answer["status"], answer["cleared_for_users"]) == (200, "success", 1)
    assert len(world.pushes(reader, "announcementCleared")) == 1
    assert call(world, "POST /clear")[1]["cleared_for_users"] == 0


def test_active_until_acknowledged(world: World) -> None:
    assert call(world, "GET /active") == (200, {"broadcast": None})
    made = announced(world, type="warning")
    expected = {"broadcast": {"id": made["id"], "message": "Pause", "type": "warning"}}
    assert call(world, "GET /active", user="rita", groups="") == (200, expected)

    answer = call(world, "POST /acknowledge", {"broadcast_id": made["id"]}, user="rita")

    assert answer == (200, {"status": "success", "broadcast_id": made["id"]})
    assert call(world, "GET /active", user="rita") == (200, {"broadcast": None})
    assert call(world, "GET /active", user="otto") == (200, expected)
    # The acknowledgement holds for the WebSocket API too.
    assert world.ask(world.connect("rita"), "getActiveAnnouncement")["announcementId"] is None


def test_limits(world: World) -> None:
    def limits(active: int) -> tuple[int, Message]:
        return 200, {
            "max_characters": 280,
            "recommended_length": 120,
            "current_active_broadcasts": active,
        }

    assert call(world, "GET /limits", groups="") == limits(0)
    announced(world)
    assert call(world, "GET /limits", groups="") == limits(1)


def test_statistics(world: World) -> None:
    world.create_session()  # of alice
    for user in ("alice", "rita", None, None):
        world.connect(user)
    status, answer = call(world, "GET /stats")
    assert (status, answer["status"]) == (200, "success")
    assert answer["stats"] == {
        "broadcasts_today": 0,
        "active_broadcast": None,
        "connected_users": 4,  # alice is connected twice
        "max_characters": 280,
    }

    announced(world)
    made = announced(world, type="alert")
    call(world, "POST /acknowledge", {"broadcast_id": made["id"]}, user="rita")

    stats = call(world, "GET /stats")[1]["stats"]
    assert stats["broadcasts_today"] == 2
    assert stats["active_broadcast"] == {
        "id": made["id"],
        "message": "Pause",
        "type": "alert",
        "delivered": 5,
        "acknowledged": 1,
        "languages": {"unknown": {"delivered": 5, "acknowledged": 1}},
    }


def test_days_are_utc(world: World) -> None:
    announced(world)
    now = datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC)
    left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)

    world.clock.advance(left * 1000 - 1)
    assert call(world, "GET /stats")[1]["stats"]["broadcasts_today"] == 1
    world.clock.advance(1)
    assert call(world, "GET /stats")[1]["stats"]["broadcasts_today"] == 0


@pytest.mark.parametrize("route", ["POST ", "POST /clear", "GET /stats"])
def test_operators_only(world: World, route: str) -> None:
    reader = world.connect()

    status, answer = call(world, route, {"message": "x"}, groups="[speakers interpreters]")

    assert (status, answer["status"], answer["code"]) == (403, "error", "FORBIDDEN")
    assert world.pushes(reader) == []


@pytest.mark.parametrize(
    "route",
    ["POST ", "POST /clear", "POST /acknowledge", "GET /active", "GET /limits", "GET /stats"],
)
def test_access_tokens_only(world: World, route: str) -> None:
    status, answer = call(world, route, {}, token_use="id")

    assert (status, answer["code"]) == (401, "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize(
    ("route", "body", "failure", "field"),
    [
        ("POST ", {"message": "\ufeff"}, (400, "INVALID_ANNOUNCEMENT"), "message"),
        ("POST ", {"message": "x" * 281}, (400, "INVALID_ANNOUNCEMENT"), "message"),
        ("POST ", {}, (400, "INVALID_MESSAGE"), "message"),
        ("POST ", {"message": "x", "type": "party"}, (400, "INVALID_MESSAGE"), "type"),
        (
            "POST ",
            {"message": "x", "translations": {"klingonish": "x"}},
            (400, "INVALID_LANGUAGE"),
            "translations.klingonish",
        ),
        ("POST ", "not json", (400, "INVALID_MESSAGE"), "body"),
        ("POST ", {"message": "x" * 24_600}, (413, "MESSAGE_TOO_LARGE"), "body"),
        (
            "POST /acknowledge",
            {"broadcast_id": "never"},
            (404, "ANNOUNCEMENT_NOT_FOUND"),
            "broadcast_id",
        ),
        ("POST /acknowledge", {"broadcast_id": 7}, (400, "INVALID_MESSAGE"), "broadcast_id"),
    ],
)
def test_invalid_requests_are_refused(
    world: World, route: str, body: object, failure: tuple[int, str], field: str
) -> None:
    status, answer = call(world, route, body)

    assert answer["status"] == "error"
    assert (status, answer["code"]) == failure
    assert answer["message"].startswith(f"{field}:")
