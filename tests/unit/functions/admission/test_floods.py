"""Floods over one connection are refused and closed, and their address is delayed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infrastructure.catalogue.routes import ROUTES
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.world import World

HALL = "192.0.2.1"
JOIN = {"sessionId": "calm-otter-404", "targetLanguage": "es"}


@pytest.fixture
def database(world: World) -> CountingClient:
    """Counts the functions' requests to the database."""
    counting = CountingClient()
    world.use_dynamodb(counting)
    return counting


def invoke(world: World, connection: str, route: str, text: str) -> dict[str, Any] | None:
    """Send one message; returns its reply or pushed error, if any."""
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
    """Repeat a message until the connection is closed; returns the number sent."""
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
def test_a_flood_on_any_route_is_refused_and_its_connection_closed(
    world: World, route: str
) -> None:
    flooder = world.listen_only(address=HALL)

    taken = flood(world, flooder, route, request(route))

    assert taken < 600
    last_error = world.pushes(flooder, "error")[-1]
    assert (last_error["status"], last_error["code"]) == (429, "RATE_LIMITED")
    assert last_error["message"].endswith("the connection is closed")
    assert world.telemetry.warnings == []


def test_audio_of_a_listen_only_connection_is_cut_off_after_a_few_chunks(
    world: World, database: CountingClient
) -> None:
    flooder = world.listen_only(address=HALL)
    database.requests.clear()
    world.send_audio(flooder)
    assert database.requests == {}
    for number in range(1, 20):
        world.send_audio(flooder, number)

    assert flooder in world.sender.deleted
    # One close and one mark; nothing for the messages already on their way.
    assert len(world.pushes(flooder, "error")) == 5
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
def test_invalid_audio_of_a_listen_only_connection_is_cut_off_soon(
    world: World, route: str, fields: dict[str, object]
) -> None:
    flooder = world.listen_only(address=HALL)

    assert flood(world, flooder, route, json.dumps({"action": route, **fields})) < 20


def test_invalid_chunks_do_not_close_a_source(world: World) -> None:
    speaker, _ = world.create_session()

    errors = [invoke(world, speaker, "sendAudio", request("sendAudio")) for _ in range(60)]

    assert {error["code"] for error in errors if error} == {"INVALID_MESSAGE"}


def test_a_request_over_budget_reads_nothing(world: World, database: CountingClient) -> None:
    listener = world.listen_only()
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


def test_budgets_refill(world: World) -> None:
    listener = world.connect()
    while world.ask(listener, "heartbeat")["type"] == "heartbeatAck":
        pass
    world.clock.advance(1_000)

    assert world.ask(listener, "heartbeat")["type"] == "heartbeatAck"


def test_honest_clients_are_never_refused(world: World) -> None:
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


def test_the_backlog_of_a_long_stall_closes_no_connection(world: World) -> None:
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
def test_clock_steps_do_not_starve_connections(world: World, step: int) -> None:
    listener = world.connect()
    for _ in range(10):
        world.ask(listener, "heartbeat")
    world.clock.advance(step)

    replies = [world.ask(listener, "heartbeat")["type"] for _ in range(15)]
    world.clock.advance(60_000)
    replies += [world.ask(listener, "heartbeat")["type"] for _ in range(25)]

    assert set(replies) == {"heartbeatAck"}


def test_guessing_session_ids_is_refused_after_ten_and_closes_the_connection(
    world: World, database: CountingClient
) -> None:
    guesser = world.listen_only(address=HALL)
    codes = [world.ask(guesser, "joinSession", **JOIN)["code"] for _ in range(13)]
    database.requests.clear()
    assert codes == ["SESSION_NOT_FOUND"] * 10 + ["RATE_LIMITED"] * 3
    assert world.ask(guesser, "joinSession", **JOIN)["code"] == "RATE_LIMITED"
    assert database.requests == {}

    flood(world, guesser, "joinSession", json.dumps({"action": "joinSession", **JOIN}))

    assert guesser in world.sender.deleted


def test_a_few_typing_errors_do_not_prevent_a_join(world: World) -> None:
    _, session_id = world.create_session()
    listener = world.listen_only()
    for _ in range(5):
        world.ask(listener, "joinSession", **JOIN)

    joined = world.ask(listener, "joinSession", sessionId=session_id, targetLanguage="es")

    assert joined["type"] == "sessionJoined"


def test_status_requests_of_listeners_do_not_count_as_guesses(world: World) -> None:
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
        abuser = world.listen_only(address=address)
        for seq in range(10):
            world.send_audio(abuser, seq)
        assert abuser in world.sender.deleted


def delayed(world: World, address: str) -> list[float]:
    """The delays of the next handshake, when slots are free."""
    world.clock.advance(5_000)
    world.pauses.clear()
    world.listen_only(address=address)
    return world.pauses


def test_a_few_abusive_connections_cause_no_delay(world: World) -> None:
    abuse(world, HALL, 8)

    assert delayed(world, HALL) == []


def test_only_addresses_with_many_abusive_connections_are_delayed(world: World) -> None:
    abuse(world, HALL, 15)

    assert delayed(world, HALL) == [0.5]
    assert delayed(world, "192.0.2.2") == []
    abuse(world, HALL, 60)
    assert delayed(world, HALL) == [2.0]


def test_marks_of_an_address_expire(world: World) -> None:
    abuse(world, HALL, 15)
    world.clock.advance(10 * 60_000)

    assert delayed(world, HALL) == []


def test_the_number_of_concurrent_delays_is_bounded(world: World) -> None:
    abuse(world, HALL, 40)
    world.clock.advance(5_000)
    world.pauses.clear()

    for _ in range(100):
        world.listen_only(address=HALL)

    assert world.pauses == [2.0] * 20


def test_guessing_over_many_connections_delays_the_address(world: World) -> None:
    for _ in range(20):
        guesser = world.listen_only(address=HALL)
        for _ in range(5):
            world.ask(guesser, "joinSession", **JOIN)

    assert delayed(world, HALL) == [1.0]


def test_an_ipv6_network_counts_as_one_address(world: World) -> None:
    for host in range(20):
        abuse(world, f"2001:db8:1:2::{host:x}", 1)

    assert delayed(world, "2001:db8:1:2:ffff::1") == [1.0]
    assert delayed(world, "2001:db8:1:3::1") == []


def test_addresses_are_not_stored_in_clear_text(world: World, database: CountingClient) -> None:
    abuse(world, HALL, 12)

    rows = str(database.scan(TableName="connections"))
    assert "address#" in rows
    assert HALL not in rows


def test_a_failed_close_is_retried(world: World) -> None:
    flooder = world.listen_only(address=HALL)
    world.sender.failing = {flooder}
    for seq in range(20):
        world.send_audio(flooder, seq)
    assert flooder not in world.sender.deleted
    world.sender.failing = set()
    world.clock.advance(1_000)

    world.send_audio(flooder, 21)

    assert flooder in world.sender.deleted


def test_a_failed_close_is_not_retried_for_every_message(world: World) -> None:
    flooder = world.listen_only(address=HALL)
    world.sender.failing = {flooder}
    for seq in range(2_000):  # 2 s
        world.send_audio(flooder, seq)
        world.clock.advance(1)

    last_errors = [post for post in world.sender.posts if b"the connection is closed" in post.data]
    assert len(last_errors) == 2


def test_refusals_are_counted_by_reason_once_a_second(world: World) -> None:
    flooder = world.listen_only()
    for _ in range(3):
        world.ask(flooder, "createSession", sourceLanguage="en")
    assert world.telemetry.by_dimensions["RequestsRefused", "never"] == 1
    world.clock.advance(1_000)

    world.ask(flooder, "createSession", sourceLanguage="en")

    assert world.telemetry.by_dimensions["RequestsRefused", "never"] == 4
