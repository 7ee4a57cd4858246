"""Floods over one connection: what they cost, and that they end; who shares its address waits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infrastructure.catalogue.routes import ROUTES
from tests.helpers.database.counting import CountingClient
from tests.helpers.world import World

HALL = "192.0.2.1"
JOIN = {"sessionId": "calm-otter-404", "targetLanguage": "es"}


@pytest.fixture
def database(world: World) -> CountingClient:
    """Counts what the functions ask of the database."""
    counting = CountingClient()
    world.use_dynamodb(counting)
    return counting


def invoke(world: World, connection: str, route: str, text: str) -> dict[str, Any] | None:
    """One message, and the reply that it gets, if any; errors of all routes alike."""
    function = next(spec.function.name for spec in ROUTES if spec.key == route)
    before = len(world.pushes(connection))
    result = world._invoke(function, connection, route, text)
    assert result["statusCode"] == 200
    if "body" in result:
        reply: dict[str, Any] = json.loads(result["body"])
        return reply
    pushed = world.pushes(connection)[before:]
    return pushed[-1] if pushed else None


def flood(world: World, connection: str, route: str, text: str, most: int = 1_000) -> int:
    """Send the same until the connection is closed; how many it took."""
    for number in range(most):
        invoke(world, connection, route, text)
        if connection in world.sender.deleted:
            return number + 1
    return most


def request(route: str) -> str:
    return json.dumps({"action": route, "requestId": "r"})


@pytest.mark.parametrize(
    "route", [spec.key for spec in ROUTES if spec.key not in {"$connect", "$disconnect"}]
)
def test_a_flood_on_any_route_is_refused_told_and_closed(world: World, route: str) -> None:
    stranger = world.stranger(address=HALL)

    taken = flood(world, stranger, route, request(route))

    assert taken < 600
    farewell = world.pushes(stranger, "error")[-1]
    assert (farewell["status"], farewell["code"]) == (429, "RATE_LIMITED")
    assert farewell["message"].endswith("the connection is closed")
    assert world.telemetry.warnings == []


def test_audio_of_strangers_ends_after_a_handful(world: World, database: CountingClient) -> None:
    stranger = world.stranger(address=HALL)
    database.requests.clear()
    world.send_audio(stranger)
    assert database.requests == {}
    for number in range(1, 20):
        world.send_audio(stranger, number)

    assert stranger in world.sender.deleted
    # One closing, and what is remembered of it; nothing for what was on its way.
    assert len(world.pushes(stranger, "error")) == 5
    assert set(database.requests) <= {"get_item", "update_item"}
    assert sum(database.requests.values()) <= 5


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        ("sendAudio", {}),
        ("sendAudio", {"seq": 0, "timestamp": 0, "audio": ""}),
        ("sendCaption", {}),
        ("sendCaption", {"timestamp": 0, "endTimestamp": 1, "text": "", "final": True}),
    ],
)
def test_what_strangers_send_as_audio_ends_soon_whatever_is_wrong_with_it(
    world: World, route: str, fields: dict[str, object]
) -> None:
    stranger = world.stranger(address=HALL)

    assert flood(world, stranger, route, json.dumps({"action": route, **fields})) < 20


def test_a_source_may_try_out_what_is_no_chunk(world: World) -> None:
    speaker, _ = world.create_session()

    errors = [invoke(world, speaker, "sendAudio", request("sendAudio")) for _ in range(60)]

    assert {error["code"] for error in errors if error} == {"INVALID_MESSAGE"}


def test_over_budget_nothing_is_read(world: World, database: CountingClient) -> None:
    listener = world.stranger()
    while (reply := world.ask(listener, "heartbeat"))["type"] == "heartbeatAck":
        database.requests.clear()
    database.requests.clear()

    again = world.ask(listener, "heartbeat", requestId="r7")

    assert (reply["code"], again["code"], again["retryable"]) == (
        "RATE_LIMITED",
        "RATE_LIMITED",
        True,
    )
    assert (again["requestId"], again["action"]) == ("r7", "heartbeat")
    assert database.requests == {}


def test_budgets_fill_again(world: World) -> None:
    listener = world.connect()
    while world.ask(listener, "heartbeat")["type"] == "heartbeatAck":
        pass
    world.clock.advance(1_000)

    assert world.ask(listener, "heartbeat")["type"] == "heartbeatAck"


def test_what_honest_clients_do_is_never_refused(world: World) -> None:
    speaker, session_id = world.create_session(audioFormat={"chunkMs": 100})
    interpreter = world.interpreter(session_id)
    listener = world.listener(session_id)
    chunk = bytes(3_200)
    for second in range(120):
        for tick in range(10):
            world.send_audio(speaker, second * 10 + tick, chunk)
            world.clock.advance(100)
        assert world.ask(interpreter, "heartbeat")["type"] == "heartbeatAck"
        assert world.ask(interpreter, "getSessionStatus")["type"] == "sessionStatus"
        if second % 30 == 0:
            assert world.ask(listener, "heartbeat")["type"] == "heartbeatAck"

    assert world.pushes(speaker, "error") == []
    assert world.sender.deleted == []


def test_what_a_long_stall_has_piled_up_closes_nobody(world: World) -> None:
    speaker, session_id = world.create_session(audioFormat={"chunkMs": 100})
    listener = world.listener(session_id, "en")
    chunk = bytes(3_200)
    for seq in range(400):  # 40 s at once
        world.send_audio(speaker, seq, chunk)
    assert world.sender.deleted == []

    for seq in range(400, 500):
        world.clock.advance(100)
        world.send_audio(speaker, seq, chunk)

    heard = [message["seq"] for message in world.pushes(listener, "audio")]
    assert heard[-90:] == list(range(410, 500))


@pytest.mark.parametrize("step", [-3_600_000, 3_600_000])
def test_a_clock_that_was_set_starves_nobody(world: World, step: int) -> None:
    listener = world.connect()
    for _ in range(10):
        world.ask(listener, "heartbeat")
    world.clock.advance(step)

    replies = [world.ask(listener, "heartbeat")["type"] for _ in range(15)]
    world.clock.advance(60_000)
    replies += [world.ask(listener, "heartbeat")["type"] for _ in range(25)]

    assert set(replies) == {"heartbeatAck"}


def test_guessing_sessions_ends_after_ten_and_costs_a_connection(
    world: World, database: CountingClient
) -> None:
    guesser = world.stranger(address=HALL)
    codes = [world.ask(guesser, "joinSession", **JOIN)["code"] for _ in range(13)]
    database.requests.clear()
    assert codes == ["SESSION_NOT_FOUND"] * 10 + ["RATE_LIMITED"] * 3
    assert world.ask(guesser, "joinSession", **JOIN)["code"] == "RATE_LIMITED"
    assert database.requests == {}

    flood(world, guesser, "joinSession", json.dumps({"action": "joinSession", **JOIN}))

    assert guesser in world.sender.deleted


def test_a_typing_error_or_two_do_not_keep_anybody_out(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.stranger()
    for _ in range(5):
        world.ask(listener, "joinSession", **JOIN)

    joined = world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")

    assert joined["type"] == "sessionJoined"


def test_listeners_who_ask_for_the_status_of_their_own_session_guess_nothing(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.listener(session_id)
    codes = []
    for _ in range(30):
        codes.append(world.ask(listener, "getSessionStatus")["code"])
        world.clock.advance(2_000)

    assert set(codes) == {"FORBIDDEN"}
    assert ("RequestsRefused", "guess") not in world.telemetry.by_dimensions


def abuse(world: World, address: str, times: int) -> None:
    for _ in range(times):
        vandal = world.stranger(address=address)
        for seq in range(10):
            world.send_audio(vandal, seq)
        assert vandal in world.sender.deleted


def delayed(world: World, address: str) -> list[float]:
    """How long the next handshake waits; its turn to wait has come."""
    world.clock.advance(5_000)
    world.pauses.clear()
    world.stranger(address=address)
    return world.pauses


def test_a_handful_of_abusive_connections_slows_nobody(world: World) -> None:
    abuse(world, HALL, 8)

    assert delayed(world, HALL) == []


def test_who_keeps_opening_abusive_connections_waits_and_nobody_else(world: World) -> None:
    abuse(world, HALL, 15)

    assert delayed(world, HALL) == [0.5]
    assert delayed(world, "192.0.2.2") == []
    abuse(world, HALL, 60)
    assert delayed(world, HALL) == [2.0]


def test_what_an_address_did_is_forgotten(world: World) -> None:
    abuse(world, HALL, 15)
    world.clock.advance(10 * 60_000)

    assert delayed(world, HALL) == []


def test_only_so_many_wait_at_once(world: World) -> None:
    abuse(world, HALL, 40)
    world.clock.advance(5_000)
    world.pauses.clear()

    for _ in range(100):
        world.stranger(address=HALL)

    assert world.pauses == [2.0] * 20


def test_an_address_that_guesses_over_many_connections_waits_as_well(world: World) -> None:
    for _ in range(20):
        guesser = world.stranger(address=HALL)
        for _ in range(5):
            world.ask(guesser, "joinSession", **JOIN)

    assert delayed(world, HALL) == [1.0]


def test_networks_of_ipv6_are_one_address(world: World) -> None:
    for host in range(20):
        abuse(world, f"2001:db8:1:2::{host:x}", 1)

    assert delayed(world, "2001:db8:1:2:ffff::1") == [1.0]
    assert delayed(world, "2001:db8:1:3::1") == []


def test_addresses_are_nowhere_to_be_read(world: World, database: CountingClient) -> None:
    abuse(world, HALL, 12)

    rows = str(database.scan(TableName="connections"))
    assert "address#" in rows
    assert HALL not in rows


def test_a_close_that_fails_is_tried_again(world: World) -> None:
    stranger = world.stranger(address=HALL)
    world.sender.failing = {stranger}
    for seq in range(20):
        world.send_audio(stranger, seq)
    assert stranger not in world.sender.deleted
    world.sender.failing = set()
    world.clock.advance(1_000)

    world.send_audio(stranger, 21)

    assert stranger in world.sender.deleted


def test_a_close_that_fails_is_not_tried_again_by_all_that_a_flood_sends(world: World) -> None:
    stranger = world.stranger(address=HALL)
    world.sender.failing = {stranger}
    for seq in range(2_000):  # 2 s
        world.send_audio(stranger, seq)
        world.clock.advance(1)

    farewells = [post for post in world.sender.posts if b"the connection is closed" in post.data]
    assert len(farewells) == 2


def test_refusals_are_counted_by_reason_once_a_second(world: World) -> None:
    stranger = world.stranger()
    for _ in range(3):
        world.ask(stranger, "createSession", sourceLanguage="en")
    assert world.telemetry.by_dimensions["RequestsRefused", "never"] == 1
    world.clock.advance(1_000)

    world.ask(stranger, "createSession", sourceLanguage="en")

    assert world.telemetry.by_dimensions["RequestsRefused", "never"] == 4
