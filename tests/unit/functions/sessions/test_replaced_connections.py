"""Every request of a replaced connection gets CONNECTION_NOT_FOUND (rule 13).

The requests come from the protocol's table, so new ones are tested without a change here.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from shared.models.session import OVERLAP_MS
from shared.protocol.device_messages import Sync
from shared.protocol.message_base import Request, action_of
from shared.protocol.requests import SPECS
from tests.helpers.clients import CHUNK, Message
from tests.helpers.world import World
from tests.unit.functions.seats import listener_counts, received_audio, roll_over

GROUPS = ("speakers", "interpreters", "operators")
DEVICE = "00000000-0000-4000-8000-000000000001"
# Values of request fields by name, enough to make every request valid.
VALUES: dict[str, Any] = {
    "sourceLanguage": "en",
    "targetLanguage": "es",
    "audio": base64.b64encode(CHUNK).decode(),
    "seq": 0,
    "timestamp": 1_700_000_000_000,
    "endTimestamp": 1_700_000_000_000,
    "text": "Hola.",
    "final": True,
    "volume": 0.5,
    "scope": "all",
    "message": "We go on",
    "announcementId": "unknown",
    "deviceId": DEVICE,
    "kind": "watchlistUpdate",
    "operation": "add",
    "contentId": "film-1",
    "hlc": {"wallMs": 1_700_000_000_000, "counter": 0, "node": DEVICE},
}


def valid(world: World, request: type[Request], session_id: str) -> Message:
    """Build a valid request with all required fields."""
    an_hour_on = world.clock.now_ms() + 3_600_000
    token = world.issuer.token("olga", *GROUPS, expires_at=an_hour_on)
    values = {**VALUES, "sessionId": session_id, "token": token}
    fields = msgspec.structs.fields(request)
    needed = {field.encode_name for field in fields if field.required}
    if request is Sync:  # required for its kind
        needed |= {"contentId", "operation"}
    missing = needed - values.keys()
    assert not missing, f"{action_of(request)}: give {missing} a value in this test"
    return {name: values[name] for name in needed}


def answer(
    world: World, connection: str, request: type[Request], session_id: str
) -> Message | None:
    """Return the reply, or the push if the request has none."""
    action, fields = action_of(request), valid(world, request, session_id)
    if SPECS[request].reply is not None:
        return world.ask(connection, action, **fields)
    before = len(world.pushes(connection, "error"))
    text = msgspec.json.encode({"action": action, **fields}).decode()
    world.send_text(connection, action, text)
    pushed = world.pushes(connection, "error")[before:]
    return pushed[0] if pushed else None


def seat(world: World, role: str) -> tuple[str, str, str]:
    """Roll over a connection with every right.

    Returns the old connection, the new one and the session id.
    """
    if role == "speaker":
        old = world.connect("olga", *GROUPS)
        created = world.ask(old, "createSession", sourceLanguage="en")
        session_id, token, language = created["sessionId"], created["resumeToken"], "en"
    else:
        _, session_id = world.create_session()
        old, language = world.connect("olga", *GROUPS), "es"
        joined = world.ask(old, "joinSession", sessionId=session_id, targetLanguage="es", role=role)
        token = joined["resumeToken"]
    new, _ = roll_over(world, session_id, token, "olga", *GROUPS, language=language, role=role)
    return old, new, session_id


@pytest.mark.parametrize("request_type", SPECS, ids=action_of)
@pytest.mark.parametrize("role", ["listener", "interpreter", "speaker"])
def test_a_replaced_connection_gets_connection_not_found(
    world: World, role: str, request_type: type[Request]
) -> None:
    old, new, session_id = seat(world, role)
    before = listener_counts(world, session_id)
    world.clock.advance(OVERLAP_MS + 1)

    reply = answer(world, old, request_type, session_id)

    assert reply is not None
    assert reply["code"] == "CONNECTION_NOT_FOUND", reply
    assert listener_counts(world, session_id) == before
    assert [message["type"] for message in world.pushes(new)] == []


@pytest.mark.parametrize("request_type", SPECS, ids=action_of)
def test_a_connection_without_a_row_gets_connection_not_found(
    world: World, request_type: type[Request]
) -> None:
    _, session_id = world.create_session()
    over = world.connect("olga", *GROUPS)
    world.disconnect(over)

    reply = answer(world, over, request_type, session_id)

    assert reply is not None
    assert reply["code"] == "CONNECTION_NOT_FOUND", reply


@pytest.mark.parametrize(("role", "language"), [("speaker", "en"), ("interpreter", "es")])
def test_chunks_within_the_overlap_are_accepted(world: World, role: str, language: str) -> None:
    old, _, session_id = seat(world, role)
    listener = world.listener(session_id, language)

    world.clock.advance(OVERLAP_MS)
    world.send_audio(old, 7)

    assert world.pushes(old, "error") == []
    assert received_audio(world, listener) == [(1, 7)]


def test_a_replaced_connection_cannot_take_its_device_back(world: World) -> None:
    """A late request of the old connection must not take the device from the new one."""
    old, new, _ = seat(world, "listener")
    device = {"deviceId": DEVICE, "name": "phone"}
    assert world.ask(new, "registerDevice", **device)["type"] == "deviceRegistered"

    assert world.ask(old, "registerDevice", **device)["code"] == "CONNECTION_NOT_FOUND"

    assert new not in world.sender.deleted
    assert world.ask(new, "sync", **valid(world, Sync, ""))["type"] == "syncAccepted"
