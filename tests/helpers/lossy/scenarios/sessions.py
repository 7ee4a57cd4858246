"""Scenarios of creating, controlling, timing out and ending sessions."""

from __future__ import annotations

from typing import Any

from shared.protocol import messages
from shared.protocol.authentication_messages import Authenticate
from tests.helpers.clients import Message
from tests.helpers.lossy.scenarios.registry import Action, Check, scenario
from tests.helpers.lossy.world import SessionSetup
from tests.helpers.world import InterpreterStarts


@scenario(messages.CreateSession)
def speaker_creates_a_session(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    bob = world.connect("bob", "speakers")
    replies: list[Message] = []

    def act() -> None:
        replies.append(
            setup.ask(
                bob,
                "createSession",
                sourceLanguage="en",
                interpretation={"engine": "scripted", "languages": "auto"},
            )
        )

    def check() -> None:
        session_id = replies[-1]["sessionId"]
        assert world.ask(bob, "pauseBroadcast")["type"] == "broadcastStateChanged"
        for _ in range(5):
            setup.advance_minutes(1)
            world.ask(bob, "heartbeat")
        rows = world.database.query(
            TableName="sessions",
            KeyConditionExpression="attribute_exists(activeBucket)",
            IndexName="active",
        )["Items"]
        alive = {row["sessionId"]["S"] for row in rows}
        assert alive == {setup.session_id, session_id}, "unused sessions have ended"
        starts: Any = world.interpreter_starts
        assert isinstance(starts._invoker, InterpreterStarts)
        assert session_id in {start["sessionId"] for start in starts.events}

    return act, check


@scenario(messages.EndSession)
def speaker_ends_the_session(setup: SessionSetup) -> tuple[Action, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionEnded"
        assert not setup.world.session(setup.session_id).is_active
        for listener in setup.listening:
            assert setup.last_push(listener, "sessionEnded")["reason"] == "ended"
        again = setup.world.ask(setup.speaker, "endSession")
        # Repeating the request may push sessionEnded again: then it succeeds.
        assert again.get("code", "SESSION_ENDED") == "SESSION_ENDED"

    return lambda: replies.append(setup.ask(setup.speaker, "endSession")), check


def _add_control_scenario(
    action: str, kind: type, expected: dict[str, object], *, after: str = ""
) -> None:
    @scenario(kind, name=action)
    def control(setup: SessionSetup) -> tuple[Action, Check]:
        if after:
            setup.ask(setup.speaker, after)
        fields = {"volume": 0.5} if action == "setVolume" else {}
        replies: list[Message] = []

        def check() -> None:
            assert replies[-1]["type"] == "broadcastStateChanged"
            state = setup.world.session(setup.session_id).broadcast_state.to_dict()
            for listener in setup.listening:
                pushed = setup.last_push(listener, "broadcastStateChanged")["broadcastState"]
                assert pushed == replies[-1]["broadcastState"]
                assert {**pushed, **expected} == pushed
                assert state["lastStateChange"] == pushed["lastStateChange"]

        return lambda: replies.append(setup.ask(setup.speaker, action, **fields)), check


_add_control_scenario("pauseBroadcast", messages.PauseBroadcast, {"isPaused": True})
_add_control_scenario(
    "resumeBroadcast", messages.ResumeBroadcast, {"isPaused": False}, after="pauseBroadcast"
)
_add_control_scenario("muteBroadcast", messages.MuteBroadcast, {"isMuted": True})
_add_control_scenario(
    "unmuteBroadcast", messages.UnmuteBroadcast, {"isMuted": False}, after="muteBroadcast"
)
_add_control_scenario("setVolume", messages.SetVolume, {"volume": 0.5})


@scenario(messages.GetSessionStatus)
def speaker_requests_the_status(setup: SessionSetup) -> tuple[Action, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["listenerCount"] == 2

    return lambda: replies.append(setup.ask(setup.speaker, "getSessionStatus")), check


@scenario(messages.Heartbeat)
def listener_sends_a_heartbeat(setup: SessionSetup) -> tuple[Action, Check]:
    replies: list[Message] = []
    setup.world.clock.advance(31_000)

    def check() -> None:
        assert replies[-1]["type"] == "heartbeatAck", replies[-1]

    return lambda: replies.append(setup.ask(setup.es, "heartbeat")), check


@scenario(Authenticate)
def speaker_authenticates_again(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    expires_at = world.clock.now_ms() + 3_600_000
    token = world.issuer.token("alice", "speakers", expires_at=expires_at)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "authenticated", replies[-1]

    return lambda: replies.append(setup.ask(setup.speaker, "authenticate", token=token)), check


@scenario("$connect")
def client_connects(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    event = {
        "requestContext": {
            "routeKey": "$connect",
            "connectionId": "newcomer",
            "connectedAt": world.clock.now_ms(),
            "requestTimeEpoch": world.clock.now_ms(),
            "authorizer": {},
        },
        "isBase64Encoded": False,
    }

    def act() -> None:
        while world.call("connect", event)["statusCode"] != 200:
            pass

    def check() -> None:
        assert world.ask("newcomer", "heartbeat")["type"] == "heartbeatAck"

    return act, check


@scenario("$disconnect", repaired_by_schedule=True)
def listener_disconnects(setup: SessionSetup) -> tuple[Action, Check]:
    setup.world.sender.gone.add(setup.es)

    def check() -> None:
        del setup.listening[setup.es]
        assert setup.world.connections.get(setup.es) is None

    return lambda: setup.world.disconnect(setup.es), check


@scenario("$disconnect", repaired_by_schedule=True)
def speaker_disconnects(setup: SessionSetup) -> tuple[Action, Check]:
    setup.world.sender.gone.add(setup.speaker)

    def check() -> None:
        for listener in setup.listening:
            setup.last_push(listener, "speakerDisconnected")
            assert setup.last_push(listener, "sessionEnded")["reason"] == "speakerLeft"
        assert not setup.world.session(setup.session_id).is_active

    return lambda: setup.world.disconnect(setup.speaker), check


@scenario("grace timer")
def grace_timer_fires(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    world.disconnect(setup.speaker)
    world.clock.advance(60_000)

    def act() -> None:
        for _ in range(4):  # the queue redelivers failed messages
            if not world.fire_timers()["batchItemFailures"]:
                break

    def check() -> None:
        for listener in setup.listening:
            assert setup.last_push(listener, "sessionEnded")["reason"] == "speakerLeft"
        assert not world.session(setup.session_id).is_active

    return act, check


@scenario("sweep", repaired_by_schedule=True)
def sweep_removes_an_idle_listener(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    world.clock.advance(120_000)
    for connection in (setup.speaker, setup.fr):
        world.ask(connection, "heartbeat")
    world.sender.gone.add(setup.es)

    def check() -> None:
        del setup.listening[setup.es]
        assert world.connections.get(setup.es) is None

    return world.sweep, check


@scenario("reconcile", repaired_by_schedule=True)
def reconciliation_corrects_counters(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    world.sessions.count_in(setup.session_id, "de")
    world.reconcile()
    world.clock.advance(60_000)
    for connection in (setup.speaker, *setup.listening):
        world.ask(connection, "heartbeat")

    return world.reconcile, lambda: None


@scenario("status timers", repaired_by_schedule=True)
def status_timers_fire(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world

    def act() -> None:
        world.clock.advance(1_000)
        bodies = world.status_timers.bodies()
        for _ in range(4 if bodies else 0):
            if not world._deliver(bodies, "session_status")["batchItemFailures"]:
                break

    def check() -> None:
        world.tick()
        assert setup.last_push(setup.speaker, "sessionStatus")["listenerCount"] == 2

    return act, check
