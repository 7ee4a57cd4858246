"""Tickets: the right to interpret one session without a token."""

from __future__ import annotations

import pytest

from shared.models.interpreter_run import RUN_LEASE_MS
from tests.helpers.world import World

INTERPRETATION = {"engine": "aws", "languages": ["es"]}


def create_session(world: World) -> tuple[str, str]:
    """Create a session with machine interpretation; return its id and ticket."""
    _, session_id = world.create_session(interpretation=INTERPRETATION)
    return session_id, world.interpreter_starts.events[-1]["ticket"]


def test_a_ticket_replaces_the_token(world: World) -> None:
    session_id, ticket = create_session(world)
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


def test_a_ticket_is_accepted_if_the_session_lists_its_interpreters(world: World) -> None:
    _, session_id = world.create_session(interpretation=INTERPRETATION, interpreters=["ines"])
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
def test_a_wrong_ticket_is_forbidden_with_or_without_token(world: World, ticket: str) -> None:
    session_id, _ = create_session(world)

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


def test_a_ticket_is_valid_for_one_session(world: World) -> None:
    _, ticket = create_session(world)
    other, _ = create_session(world)
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


def test_a_ticket_for_an_unknown_session(world: World) -> None:
    reply = world.ask(
        world.connect(),
        "joinSession",
        sessionId="calm-otter-999",
        targetLanguage="es",
        role="interpreter",
        ticket="guessed",
    )

    assert reply["code"] == "SESSION_NOT_FOUND"


def test_without_token_and_ticket_the_join_is_refused(world: World) -> None:
    session_id, _ = create_session(world)

    reply = world.ask(
        world.connect(),
        "joinSession",
        sessionId=session_id,
        targetLanguage="es",
        role="interpreter",
    )

    assert reply["code"] == "AUTHENTICATION_REQUIRED"


def test_a_ticket_gives_no_right_to_speak(world: World) -> None:
    session_id, ticket = create_session(world)

    reply = world.ask(
        world.connect(),
        "joinSession",
        sessionId=session_id,
        targetLanguage="en",
        role="speaker",
        ticket=ticket,
    )

    assert reply["code"] == "AUTHENTICATION_REQUIRED"


def test_a_restarted_run_voids_the_former_ticket(world: World) -> None:
    session_id, ticket = create_session(world)
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
