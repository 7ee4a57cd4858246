"""Resume tokens that do not match lead to an ordinary join; secrets are not stored."""

from __future__ import annotations

import pytest

from tests.helpers.database.tables import CONNECTIONS, dynamodb
from tests.helpers.world import World
from tests.unit.functions.seats import (
    create_session,
    join,
    join_as_listener,
    listener_counts,
    roll_over,
)


class TestTokenThatDoesNotFit:
    @pytest.mark.parametrize("token", ["", "x", ".", "secret.", ".c2", "secret-1.c2", "s.c99"])
    def test_an_unknown_token_is_an_ordinary_join(self, world: World, token: str) -> None:
        _, session_id, _ = create_session(world)
        join_as_listener(world, session_id)

        _, reply = roll_over(world, session_id, token, role="listener")

        assert reply["resumed"] is False
        assert listener_counts(world, session_id) == (2, {"es": 2})

    def test_a_used_token_is_an_ordinary_join(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        _, token = join_as_listener(world, session_id)
        roll_over(world, session_id, token, role="listener")

        _, reply = roll_over(world, session_id, token, role="listener")

        assert reply["resumed"] is False
        assert listener_counts(world, session_id) == (2, {"es": 2})

    def test_another_users_token_is_an_ordinary_join(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        _, token = join_as_listener(world, session_id)

        _, reply = roll_over(world, session_id, token, "bob", role="listener")

        assert reply["resumed"] is False

    def test_a_listeners_token_does_not_resume_as_interpreter(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        _, token = join_as_listener(world, session_id)

        _, reply = roll_over(world, session_id, token, "ines", "interpreters", role="interpreter")

        assert (reply["resumed"], reply["role"]) == (False, "interpreter")
        assert listener_counts(world, session_id) == (1, {"es": 1})

    def test_a_token_of_another_session_is_an_ordinary_join(self, world: World) -> None:
        _, first, _ = create_session(world)
        _, second, _ = create_session(world)
        _, token = join_as_listener(world, first)

        _, reply = roll_over(world, second, token, role="listener")

        assert reply["resumed"] is False
        assert listener_counts(world, first) == listener_counts(world, second) == (1, {"es": 1})

    def test_an_ended_session_stays_ended(self, world: World) -> None:
        speaker, session_id, token = create_session(world)
        world.ask(speaker, "endSession")

        reply = join(
            world,
            world.connect("alice", "speakers"),
            session_id,
            "en",
            role="speaker",
            resumeToken=token,
        )

        assert (reply["status"], reply["code"]) == (410, "SESSION_ENDED")

    def test_a_token_of_a_seat_that_was_left_is_an_ordinary_join(self, world: World) -> None:
        _, session_id, _ = create_session(world)
        listener, token = join_as_listener(world, session_id)
        world.ask(listener, "leaveSession")

        _, reply = roll_over(world, session_id, token, role="listener")

        assert reply["resumed"] is False
        assert listener_counts(world, session_id) == (1, {"es": 1})


def test_the_secret_is_stored_nowhere(world: World) -> None:
    _, session_id, _ = create_session(world)
    _, token = join_as_listener(world, session_id)
    secret = token.partition(".")[0]

    rows = dynamodb().scan(TableName=CONNECTIONS)["Items"]

    assert any("resumeHash" in row for row in rows)
    assert secret not in repr(rows)
