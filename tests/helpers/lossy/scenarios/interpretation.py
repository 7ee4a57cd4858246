"""Scenarios of interpreters and their leases."""

from __future__ import annotations

from shared.protocol import messages
from shared.protocol.interpretation_messages import HandOver, TakeOver
from tests.helpers.clients import Message
from tests.helpers.lossy.scenarios.registry import Action, Check, scenario
from tests.helpers.lossy.world import SessionSetup


@scenario(messages.JoinSession)
def interpreter_joins(setup: SessionSetup) -> tuple[Action, Check]:
    ines = setup.world.connect("ines", "interpreters")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        assert replies[-1]["epoch"] == 1
        assert replies[-1]["lease"]["holds"] is True
        assert setup.last_push(setup.es, "channelSourceChanged")["epoch"] == 1
        assert setup.world.session(setup.session_id).channels["es"].connection_id == ines

    return lambda: replies.append(setup.join(ines, role="interpreter")), check


@scenario(messages.JoinSession)
def standby_joins(setup: SessionSetup) -> tuple[Action, Check]:
    setup.world.interpreter(setup.session_id, "es")
    ivan = setup.world.connect("ivan", "interpreters")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        assert replies[-1]["lease"]["holds"] is False
        assert [*setup.world.session(setup.session_id).channels["es"].standbys] == [ivan]

    return lambda: replies.append(setup.join(ivan, role="interpreter", standby=True)), check


@scenario(messages.JoinSession)
def interpreter_rolls_over(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    older = world.interpreter(setup.session_id, "es")
    token = world.ask(
        older,
        "joinSession",
        sessionId=setup.session_id,
        targetLanguage="es",
        role="interpreter",
    )["resumeToken"]
    newer = world.connect("ines", "interpreters")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        assert replies[-1]["epoch"] == 2
        assert world.session(setup.session_id).channels["es"].connection_id == newer
        world.disconnect(older)
        assert world.session(setup.session_id).channels["es"].connection_id == newer

    def act() -> None:
        replies.append(setup.join(newer, role="interpreter", resumeToken=token))

    return act, check


@scenario(messages.LeaveSession)
def interpreter_leaves(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    ines = world.interpreter(setup.session_id, "es")
    ivan = world.interpreter(setup.session_id, "es", "ivan", standby=True)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionLeft", replies[-1]
        _assert_interpreting(setup, ivan)
        assert setup.seat_of(ines) is None

    return lambda: replies.append(setup.ask(ines, "leaveSession")), check


@scenario("$disconnect", repaired_by_schedule=True)
def interpreter_disconnects(setup: SessionSetup) -> tuple[Action, Check]:
    ines = setup.world.interpreter(setup.session_id, "es")
    setup.world.sender.gone.add(ines)

    def check() -> None:
        assert setup.last_push(setup.es, "channelSourceChanged")["to"] == "floor"

    return lambda: setup.world.disconnect(ines), check


@scenario(messages.Heartbeat)
def lost_interpreter_sends_a_heartbeat(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    ines = world.interpreter(setup.session_id, "es")
    world.clock.advance(10_000)
    world.send_audio(setup.speaker, 0)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["lease"]["holds"] is True
        assert setup.ask(ines, "heartbeat")["lease"]["holds"] is True
        _assert_interpreting(setup, ines)

    return lambda: replies.append(setup.ask(ines, "heartbeat")), check


@scenario(TakeOver)
def standby_takes_over(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    ines = world.interpreter(setup.session_id, "es")
    ivan = world.interpreter(setup.session_id, "es", "ivan", standby=True)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "interpreterLease", replies[-1]
        assert replies[-1]["lease"]["holds"] is True
        _assert_interpreting(setup, ivan)
        assert setup.seat_of(ines) is not None

    return lambda: replies.append(setup.ask(ivan, "takeOver")), check


@scenario(HandOver)
def interpreter_hands_over(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    ines = world.interpreter(setup.session_id, "es")
    ivan = world.interpreter(setup.session_id, "es", "ivan", standby=True)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "interpreterLease", replies[-1]
        assert replies[-1]["lease"]["holds"] is False
        _assert_interpreting(setup, ivan)
        assert setup.last_push(ivan, "interpreterLease")["reason"] == "promoted"

    return lambda: replies.append(setup.ask(ines, "handOver")), check


def _assert_interpreting(setup: SessionSetup, connection: str) -> None:
    channel = setup.world.session(setup.session_id).channels["es"]
    assert channel.connection_id == connection
    change = setup.last_push(setup.es, "channelSourceChanged")
    assert (change["to"], change["epoch"]) == (channel.source, channel.epoch)
