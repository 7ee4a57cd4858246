"""Scenarios of joining, rolling over, changing language and leaving."""

from __future__ import annotations

from shared.protocol import messages
from tests.helpers.clients import Message
from tests.helpers.lossy.scenarios.registry import Action, Check, scenario
from tests.helpers.lossy.world import SessionSetup


@scenario(messages.JoinSession)
def listener_joins(setup: SessionSetup) -> tuple[Action, Check]:
    newcomer = setup.world.connect()
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined"
        setup.listening[newcomer] = "es"

    return lambda: replies.append(setup.join(newcomer)), check


@scenario(messages.JoinSession)
def listener_joins_again_after_leaving(setup: SessionSetup) -> tuple[Action, Check]:
    assert setup.ask(setup.es, "leaveSession")["type"] == "sessionLeft"
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined"

    return lambda: replies.append(setup.join(setup.es)), check


@scenario(messages.JoinSession)
def listener_joins_and_leaves_twice(setup: SessionSetup) -> tuple[Action, Check]:
    newcomer = setup.world.connect()

    def act() -> None:
        for language in ("es", "de"):
            assert setup.join(newcomer, language)["type"] == "sessionJoined"
            assert setup.ask(newcomer, "leaveSession")["type"] == "sessionLeft"

    return act, lambda: None


@scenario(messages.ChangeLanguage)
def listener_changes_language(setup: SessionSetup) -> tuple[Action, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "languageChanged", replies[-1]
        setup.listening[setup.es] = "de"

    return (
        lambda: replies.append(setup.ask(setup.es, "changeLanguage", targetLanguage="de")),
        check,
    )


@scenario(messages.ChangeLanguage)
def listener_changes_language_back_and_forth(setup: SessionSetup) -> tuple[Action, Check]:
    def act() -> None:
        for language in ("de", "es", "de", "es"):
            reply = setup.ask(setup.es, "changeLanguage", targetLanguage=language)
            assert reply["type"] == "languageChanged", reply

    return act, lambda: None


@scenario(messages.LeaveSession)
def listener_leaves(setup: SessionSetup) -> tuple[Action, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1] == {"type": "sessionLeft", "sessionId": setup.session_id}
        del setup.listening[setup.es]
        again = setup.world.ask(setup.es, "leaveSession")
        # Repeating the request may count again: then it succeeds.
        assert again.get("code", "NOT_IN_SESSION") == "NOT_IN_SESSION"

    return lambda: replies.append(setup.ask(setup.es, "leaveSession")), check


@scenario(messages.JoinSession)
def listener_rolls_over(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    token = world.ask(setup.es, "joinSession", sessionId=setup.session_id, targetLanguage="es")[
        "resumeToken"
    ]
    newer = world.connect()
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        setup.listening[newer] = setup.listening.pop(setup.es)
        world.disconnect(setup.es)

    return lambda: replies.append(setup.join(newer, resumeToken=token)), check


@scenario(messages.JoinSession)
def owner_returns_after_a_disconnect(setup: SessionSetup) -> tuple[Action, Check]:
    setup.world.disconnect(setup.speaker)
    return _owner_takes_the_floor(setup)


@scenario(messages.JoinSession)
def owner_joins_on_another_connection(setup: SessionSetup) -> tuple[Action, Check]:
    return _owner_takes_the_floor(setup)


def _owner_takes_the_floor(setup: SessionSetup) -> tuple[Action, Check]:
    setup.speaker = setup.world.connect("alice", "speakers")
    replies: list[Message] = []

    def check() -> None:
        _assert_speaking(setup, replies[-1])
        for listener in setup.listening:
            assert setup.last_push(listener, "speakerReconnected")["epoch"] == 2

    return lambda: replies.append(setup.join(setup.speaker, "en", role="speaker")), check


@scenario(messages.JoinSession)
def speaker_rolls_over(setup: SessionSetup) -> tuple[Action, Check]:
    return _speaker_rollover(setup, away=False)


@scenario(messages.JoinSession)
def absent_speaker_rolls_over(setup: SessionSetup) -> tuple[Action, Check]:
    return _speaker_rollover(setup, away=True)


def _speaker_rollover(setup: SessionSetup, *, away: bool) -> tuple[Action, Check]:
    world, older = setup.world, setup.speaker
    token = world.ask(
        older, "joinSession", sessionId=setup.session_id, targetLanguage="en", role="speaker"
    )["resumeToken"]
    if away:
        world.sender.gone.add(older)
        world.ask(older, "pauseBroadcast")
        row = world.connections.get(older)
        assert row is not None
        world.sessions.start_grace(setup.session_id, older, world.clock.now_ms() + 60_000)
    setup.speaker = world.connect("alice", "speakers")
    replies: list[Message] = []

    def check() -> None:
        _assert_speaking(setup, replies[-1])
        assert replies[-1]["resumed"] is True
        if away:
            for listener in setup.listening:
                assert setup.last_push(listener, "speakerReconnected")["epoch"] == 2

    def act() -> None:
        replies.append(setup.join(setup.speaker, "en", role="speaker", resumeToken=token))

    return act, check


def _assert_speaking(setup: SessionSetup, reply: Message) -> None:
    world = setup.world
    assert reply["type"] == "sessionJoined", reply
    assert reply["epoch"] == world.session(setup.session_id).speaker_epoch == 2
    assert world.ask(setup.speaker, "setVolume", volume=0.5)["type"] == "broadcastStateChanged"
    world.clock.advance(70_000)
    if world.timers.bodies():
        world.fire_timers()
    assert world.session(setup.session_id).is_active
    assert world.session(setup.session_id).speaker_connected
