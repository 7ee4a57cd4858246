"""DynamoDB requests of a join, and changes that happen during one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.helpers.database.counting_client import CountingClient
from tests.helpers.race_proxy import RaceProxy
from tests.helpers.world import World


def join(world: World, client: str, session_id: str, language: str = "es") -> dict[str, object]:
    reply: dict[str, object] = world.ask(
        client, "joinSession", sessionId=session_id, targetLanguage=language
    )
    return reply


def test_a_join_costs_four_requests_in_steady_state(world: World) -> None:
    _, session_id = world.create_session()
    for _ in range(2):  # caches fill, and the second listener changes the status
        join(world, world.connect(), session_id)
    database = CountingClient()
    world.use_dynamodb(database)
    join(world, world.connect(), session_id)  # an instance that starts reads what it will cache
    database.requests.clear()
    assert join(world, world.connect(), session_id)["type"] == "sessionJoined"
    assert database.requests == Counter(put_item=1, get_item=1, update_item=2)


def test_a_repeated_join_counts_nothing(world: World) -> None:
    _, session_id = world.create_session()
    client = world.connect()
    for _ in range(3):
        assert join(world, client, session_id)["type"] == "sessionJoined"
    assert world.session(session_id).listener_count == 1


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        ("pauseBroadcast", {"isPaused": True}),
        ("muteBroadcast", {"isMuted": True}),
    ],
)
def test_the_reply_shows_a_change_whose_push_missed_the_new_member(
    world: World, action: str, shown: dict[str, bool]
) -> None:
    speaker, session_id = world.create_session()
    sessions = RaceProxy(world.sessions)
    world.use_sessions(sessions)
    client = world.connect()

    # The session has been read and the seat taken, and the push may have missed the seat.
    sessions.before["count_in"] = lambda: world.ask(speaker, action)
    reply = join(world, client, session_id)
    sessions.assert_no_hooks_left()

    state = reply["broadcastState"]
    assert isinstance(state, dict)
    assert state | shown == state


def leave(world: World, client: str) -> object:
    return world.ask(client, "leaveSession")


def disconnect(world: World, client: str) -> None:
    world.disconnect(client)


@pytest.mark.parametrize("depart", [leave, disconnect])
def test_a_refused_listener_who_has_left_already_is_not_counted(
    world: World, depart: Callable[[World, str], object]
) -> None:
    speaker, session_id = world.create_session()
    sessions = RaceProxy(world.sessions)
    world.use_sessions(sessions)
    client = world.connect()

    def meanwhile() -> None:
        depart(world, client)
        world.ask(speaker, "endSession")

    sessions.before["count_in"] = meanwhile
    reply = join(world, client, session_id)
    sessions.assert_no_hooks_left()

    assert reply["code"] == "SESSION_ENDED"
    session = world.session(session_id)
    assert session.listener_count == 0
    assert not +Counter(session.language_counts)


def test_a_listener_of_a_full_session_keeps_no_seat(world: World) -> None:
    world.use_settings(MAX_LISTENERS="1")
    _, session_id = world.create_session()
    join(world, world.connect(), session_id)
    late = world.connect()

    assert join(world, late, session_id)["code"] == "SESSION_FULL"

    connection = world.connections.get(late)
    assert connection is not None
    assert connection.membership is None
    assert len(world.connections.roster(session_id)) == 2
