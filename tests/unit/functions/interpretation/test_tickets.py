"""Tickets: who has a session's own interprets it without a token, and nobody else does by one."""

from __future__ import annotations

import pytest

from shared.models.interpreter_run import RUN_LEASE_MS
from tests.helpers.world import World

ASKED = {"engine": "aws", "languages": ["es"]}


def ticketed(world: World) -> tuple[str, str]:
    """A session that a machine is to interpret, and its ticket."""
    _, session_id = world.create_session(interpretation=ASKED)
    return session_id, world.interpreter_starts.events[-1]["ticket"]


def test_the_session_s_own_interpreter_needs_no_token(world: World) -> None:
    session_id, ticket = ticketed(world)
    machine = world.connect()

    reply = world.ask(
        machine,
        "joinSession",
        sessionId=session_id,
        targetLanguage="es",
        role="interpreter",
        ticket=ticket,
    )

    assert (reply["type"], reply["role"], reply["epoch"]) == ("sessionJoined", "interpreter", 1)
    assert ticket not in str(reply)


def test_a_ticket_counts_where_the_session_lists_its_interpreters(world: World) -> None:
    _, session_id = world.create_session(interpretation=ASKED, interpreters=["ines"])
    ticket = world.interpreter_starts.events[-1]["ticket"]

    reply = world.ask(
        world.connect(),
        "joinSession",
        sessionId=session_id,
        targetLanguage="es",
        role="interpreter",
        ticket=ticket,
    )

    assert reply["type"] == "sessionJoined"


@pytest.mark.parametrize("ticket", ["", "guessed", "secret-999"])
def test_a_wrong_ticket_is_forbidden_whoever_brings_it(world: World, ticket: str) -> None:
    session_id, _ = ticketed(world)

    for caller in (world.connect(), world.connect("ines", "interpreters")):
        reply = world.ask(
            caller,
            "joinSession",
            sessionId=session_id,
            targetLanguage="es",
            role="interpreter",
            ticket=ticket,
        )

        assert (reply["status"], reply["code"]) == (403, "FORBIDDEN")


def test_a_ticket_is_of_one_session(world: World) -> None:
    _, ticket = ticketed(world)
    other, _ = ticketed(world)
    _, plain = world.create_session()

    for session_id in (other, plain):
        reply = world.ask(
            world.connect(),
            "joinSession",
            sessionId=session_id,
            targetLanguage="es",
            role="interpreter",
            ticket=ticket,
        )

        assert reply["code"] == "FORBIDDEN"


def test_of_a_session_that_there_is_not_a_ticket_says_nothing(world: World) -> None:
    reply = world.ask(
        world.connect(),
        "joinSession",
        sessionId="calm-otter-999",
        targetLanguage="es",
        role="interpreter",
        ticket="guessed",
    )

    assert reply["code"] == "SESSION_NOT_FOUND"


def test_without_token_and_ticket_nobody_interprets(world: World) -> None:
    session_id, _ = ticketed(world)

    reply = world.ask(
        world.connect(),
        "joinSession",
        sessionId=session_id,
        targetLanguage="es",
        role="interpreter",
    )

    assert reply["code"] == "AUTHENTICATION_REQUIRED"


def test_a_ticket_gives_no_right_to_the_floor(world: World) -> None:
    session_id, ticket = ticketed(world)

    reply = world.ask(
        world.connect(),
        "joinSession",
        sessionId=session_id,
        targetLanguage="en",
        role="speaker",
        ticket=ticket,
    )

    assert reply["code"] == "AUTHENTICATION_REQUIRED"


def test_when_the_sweep_has_another_started_the_former_ticket_is_void(world: World) -> None:
    session_id, ticket = ticketed(world)
    world.clock.advance(RUN_LEASE_MS + 1)
    world.sweep()

    replies = [
        world.ask(
            world.connect(),
            "joinSession",
            sessionId=session_id,
            targetLanguage="es",
            role="interpreter",
            ticket=each,
        )
        for each in (ticket, world.interpreter_starts.events[-1]["ticket"])
    ]

    assert [reply.get("code", reply["type"]) for reply in replies] == [
        "FORBIDDEN",
        "sessionJoined",
    ]
