"""What is asked for while calls get lost: at least one scenario for each type of request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from shared.protocol import interpretation_messages as interpreting
from shared.protocol import messages
from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    Announce,
    ClearAnnouncement,
    GetActiveAnnouncement,
)
from shared.protocol.authentication_messages import Authenticate
from shared.protocol.device_messages import GetSyncSnapshot, RegisterDevice, Sync
from tests.helpers.clients import Message
from tests.helpers.database.lossy_stage import Check, Scenario, Stage
from tests.helpers.device_people import device_id, phone
from tests.helpers.world import InterpreterStarts

Do = Callable[[], object]
Prepare = Callable[[Stage], tuple[Do, Check]]

#: By the type of the request; by a name what no client asks for.
SCENARIOS: defaultdict[object, list[Scenario]] = defaultdict(list)


def scenario(of: object, *, by_clock: bool = False) -> Callable[[Prepare], Prepare]:
    """A scenario of a type of request, or of something else that has a name."""

    def add(prepare: Prepare) -> Prepare:
        SCENARIOS[of].append(Scenario(prepare.__name__.strip("_"), prepare, by_clock))
        return prepare

    return add


# Sessions


@scenario(messages.CreateSession)
def creates(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    bob = world.connect("bob", "speakers")
    replies: list[Message] = []

    def do() -> None:
        replies.append(
            stage.ask(
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
            stage.minutes_pass(1)
            world.ask(bob, "heartbeat")
        rows = world.database.query(
            TableName="sessions",
            KeyConditionExpression="attribute_exists(activeBucket)",
            IndexName="active",
        )["Items"]
        alive = {row["sessionId"]["S"] for row in rows}
        assert alive == {stage.session_id, session_id}, "what nobody entered is over"
        starts: Any = world.interpreter_starts
        assert isinstance(starts._invoker, InterpreterStarts)
        assert session_id in {start["sessionId"] for start in starts.events}

    return do, check


@scenario(messages.EndSession)
def ends(stage: Stage) -> tuple[Do, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionEnded"
        assert not stage.world.session(stage.session_id).is_active
        for listener in stage.listening:
            assert stage.heard(listener, "sessionEnded")["reason"] == "ended"
        again = stage.world.ask(stage.speaker, "endSession")
        # What may not have been told is told again.
        assert again.get("code", "SESSION_ENDED") == "SESSION_ENDED"

    return lambda: replies.append(stage.ask(stage.speaker, "endSession")), check


def _controls(action: str, kind: type, expected: dict[str, object], *, after: str = "") -> None:
    @scenario(kind)
    def controls(stage: Stage) -> tuple[Do, Check]:
        if after:
            stage.ask(stage.speaker, after)
        fields = {"volume": 0.5} if action == "setVolume" else {}
        replies: list[Message] = []

        def check() -> None:
            assert replies[-1]["type"] == "broadcastStateChanged"
            state = stage.world.session(stage.session_id).broadcast_state.to_dict()
            for listener in stage.listening:
                told = stage.heard(listener, "broadcastStateChanged")["broadcastState"]
                assert told == replies[-1]["broadcastState"]
                assert {**told, **expected} == told
                assert state["lastStateChange"] == told["lastStateChange"]

        return lambda: replies.append(stage.ask(stage.speaker, action, **fields)), check


_controls("pauseBroadcast", messages.PauseBroadcast, {"isPaused": True})
_controls("resumeBroadcast", messages.ResumeBroadcast, {"isPaused": False}, after="pauseBroadcast")
_controls("muteBroadcast", messages.MuteBroadcast, {"isMuted": True})
_controls("unmuteBroadcast", messages.UnmuteBroadcast, {"isMuted": False}, after="muteBroadcast")
_controls("setVolume", messages.SetVolume, {"volume": 0.5})


# Members


@scenario(messages.JoinSession)
def joins_to_listen(stage: Stage) -> tuple[Do, Check]:
    newcomer = stage.world.connect()
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined"
        stage.listening[newcomer] = "es"

    return lambda: replies.append(stage.join(newcomer)), check


@scenario(messages.JoinSession)
def joins_again_after_leaving(stage: Stage) -> tuple[Do, Check]:
    assert stage.ask(stage.es, "leaveSession")["type"] == "sessionLeft"
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined"

    return lambda: replies.append(stage.join(stage.es)), check


@scenario(messages.JoinSession)
def joins_and_leaves_at_once(stage: Stage) -> tuple[Do, Check]:
    newcomer = stage.world.connect()

    def do() -> None:
        for language in ("es", "de"):
            assert stage.join(newcomer, language)["type"] == "sessionJoined"
            assert stage.ask(newcomer, "leaveSession")["type"] == "sessionLeft"

    return do, lambda: None


@scenario(messages.JoinSession)
def rolls_over_as_a_listener(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    token = world.ask(stage.es, "joinSession", sessionId=stage.session_id, targetLanguage="es")[
        "resumeToken"
    ]
    newer = world.connect()
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        stage.listening[newer] = stage.listening.pop(stage.es)
        world.disconnect(stage.es)

    return lambda: replies.append(stage.join(newer, resumeToken=token)), check


@scenario(messages.JoinSession)
def owner_comes_back(stage: Stage) -> tuple[Do, Check]:
    stage.world.disconnect(stage.speaker)
    return _owner_takes_the_floor(stage)


@scenario(messages.JoinSession)
def owner_comes_on_another_connection(stage: Stage) -> tuple[Do, Check]:
    return _owner_takes_the_floor(stage)


def _owner_takes_the_floor(stage: Stage) -> tuple[Do, Check]:
    stage.speaker = stage.world.connect("alice", "speakers")
    replies: list[Message] = []

    def check() -> None:
        _speaks(stage, replies[-1])
        for listener in stage.listening:
            assert stage.heard(listener, "speakerReconnected")["epoch"] == 2

    return lambda: replies.append(stage.join(stage.speaker, "en", role="speaker")), check


@scenario(messages.JoinSession)
def rolls_over_as_the_speaker(stage: Stage) -> tuple[Do, Check]:
    return _rolled_over(stage, away=False)


@scenario(messages.JoinSession)
def rolls_over_as_a_speaker_who_was_away(stage: Stage) -> tuple[Do, Check]:
    return _rolled_over(stage, away=True)


def _rolled_over(stage: Stage, *, away: bool) -> tuple[Do, Check]:
    world, older = stage.world, stage.speaker
    token = world.ask(
        older, "joinSession", sessionId=stage.session_id, targetLanguage="en", role="speaker"
    )["resumeToken"]
    if away:
        world.sender.gone.add(older)
        world.ask(older, "pauseBroadcast")
        row = world.connections.get(older)
        assert row is not None
        world.sessions.start_grace(stage.session_id, older, world.clock.now_ms() + 60_000)
    stage.speaker = world.connect("alice", "speakers")
    replies: list[Message] = []

    def check() -> None:
        _speaks(stage, replies[-1])
        assert replies[-1]["resumed"] is True
        if away:
            for listener in stage.listening:
                assert stage.heard(listener, "speakerReconnected")["epoch"] == 2

    def do() -> None:
        replies.append(stage.join(stage.speaker, "en", role="speaker", resumeToken=token))

    return do, check


def _speaks(stage: Stage, reply: Message) -> None:
    world = stage.world
    assert reply["type"] == "sessionJoined", reply
    assert reply["epoch"] == world.session(stage.session_id).speaker_epoch == 2
    assert world.ask(stage.speaker, "setVolume", volume=0.5)["type"] == "broadcastStateChanged"
    world.clock.advance(70_000)
    if world.timers.bodies():
        world.fire_timers()
    assert world.session(stage.session_id).is_active
    assert world.session(stage.session_id).speaker_connected


@scenario(messages.JoinSession)
def joins_to_interpret(stage: Stage) -> tuple[Do, Check]:
    ines = stage.world.connect("ines", "interpreters")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        assert replies[-1]["epoch"] == 1
        assert replies[-1]["lease"]["holds"] is True
        assert stage.heard(stage.es, "channelSourceChanged")["epoch"] == 1
        assert stage.world.session(stage.session_id).channels["es"].connection_id == ines

    return lambda: replies.append(stage.join(ines, role="interpreter")), check


@scenario(messages.JoinSession)
def joins_to_stand_by(stage: Stage) -> tuple[Do, Check]:
    stage.world.interpreter(stage.session_id, "es")
    ivan = stage.world.connect("ivan", "interpreters")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        assert replies[-1]["lease"]["holds"] is False
        assert [*stage.world.session(stage.session_id).channels["es"].standbys] == [ivan]

    return lambda: replies.append(stage.join(ivan, role="interpreter", standby=True)), check


@scenario(messages.JoinSession)
def rolls_over_as_an_interpreter(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    older = world.interpreter(stage.session_id, "es")
    token = world.ask(
        older,
        "joinSession",
        sessionId=stage.session_id,
        targetLanguage="es",
        role="interpreter",
    )["resumeToken"]
    newer = world.connect("ines", "interpreters")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionJoined", replies[-1]
        assert replies[-1]["epoch"] == 2
        assert world.session(stage.session_id).channels["es"].connection_id == newer
        world.disconnect(older)
        assert world.session(stage.session_id).channels["es"].connection_id == newer

    def do() -> None:
        replies.append(stage.join(newer, role="interpreter", resumeToken=token))

    return do, check


@scenario(messages.ChangeLanguage)
def changes_language(stage: Stage) -> tuple[Do, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "languageChanged", replies[-1]
        stage.listening[stage.es] = "de"

    return (
        lambda: replies.append(stage.ask(stage.es, "changeLanguage", targetLanguage="de")),
        check,
    )


@scenario(messages.ChangeLanguage)
def changes_language_to_and_fro(stage: Stage) -> tuple[Do, Check]:
    def do() -> None:
        for language in ("de", "es", "de", "es"):
            reply = stage.ask(stage.es, "changeLanguage", targetLanguage=language)
            assert reply["type"] == "languageChanged", reply

    return do, lambda: None


@scenario(messages.LeaveSession)
def leaves(stage: Stage) -> tuple[Do, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1] == {"type": "sessionLeft", "sessionId": stage.session_id}
        del stage.listening[stage.es]
        again = stage.world.ask(stage.es, "leaveSession")
        # What may not have been counted is answered again.
        assert again.get("code", "NOT_IN_SESSION") == "NOT_IN_SESSION"

    return lambda: replies.append(stage.ask(stage.es, "leaveSession")), check


@scenario(messages.LeaveSession)
def leaves_as_an_interpreter(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    ines = world.interpreter(stage.session_id, "es")
    ivan = world.interpreter(stage.session_id, "es", "ivan", standby=True)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "sessionLeft", replies[-1]
        _interprets(stage, ivan)
        assert stage.seat_of(ines) is None

    return lambda: replies.append(stage.ask(ines, "leaveSession")), check


def _interprets(stage: Stage, connection: str) -> None:
    channel = stage.world.session(stage.session_id).channels["es"]
    assert channel.connection_id == connection
    told = stage.heard(stage.es, "channelSourceChanged")
    assert (told["to"], told["epoch"]) == (channel.source, channel.epoch)


# Audio, captions, and what changes nothing


@scenario(messages.SendAudio)
def sends_audio(stage: Stage) -> tuple[Do, Check]:
    def check() -> None:
        stage.world.clock.advance(200)
        stage.world.send_audio(stage.speaker, 1)
        assert stage.heard(stage.es, "audio")["seq"] == 1

    return lambda: stage.world.send_audio(stage.speaker, 0), check


@scenario(messages.SendAudio)
def sends_audio_while_an_interpreter_is_lost(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    world.interpreter(stage.session_id, "es")
    world.clock.advance(10_000)

    def check() -> None:
        for number in range(1, 12):
            world.clock.advance(200)
            world.send_audio(stage.speaker, number)
        assert world.session(stage.session_id).channels["es"].connection_id is None
        stage.minutes_pass(1)
        assert stage.heard(stage.es, "channelSourceChanged")["to"] == "floor"

    return lambda: world.send_audio(stage.speaker, 0), check


@scenario(interpreting.SendCaption)
def sends_a_caption(stage: Stage) -> tuple[Do, Check]:
    ines = stage.world.interpreter(stage.session_id, "es")

    def check() -> None:
        stage.world.send_caption(ines, "Sí.")
        assert stage.heard(stage.es, "caption")["text"] == "Sí."

    return lambda: stage.world.send_caption(ines, "No."), check


@scenario(messages.GetSessionStatus)
def asks_for_the_status(stage: Stage) -> tuple[Do, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["listenerCount"] == 2

    return lambda: replies.append(stage.ask(stage.speaker, "getSessionStatus")), check


@scenario(messages.Heartbeat)
def beats(stage: Stage) -> tuple[Do, Check]:
    replies: list[Message] = []
    stage.world.clock.advance(31_000)

    def check() -> None:
        assert replies[-1]["type"] == "heartbeatAck", replies[-1]

    return lambda: replies.append(stage.ask(stage.es, "heartbeat")), check


@scenario(messages.Heartbeat)
def beats_as_an_interpreter_who_was_lost(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    ines = world.interpreter(stage.session_id, "es")
    world.clock.advance(10_000)
    world.send_audio(stage.speaker, 0)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["lease"]["holds"] is True
        assert stage.ask(ines, "heartbeat")["lease"]["holds"] is True
        _interprets(stage, ines)

    return lambda: replies.append(stage.ask(ines, "heartbeat")), check


@scenario(Authenticate)
def authenticates(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    expires_at = world.clock.now_ms() + 3_600_000
    token = world.issuer.token("alice", "speakers", expires_at=expires_at)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "authenticated", replies[-1]

    return lambda: replies.append(stage.ask(stage.speaker, "authenticate", token=token)), check


# Interpreters


@scenario(interpreting.TakeOver)
def takes_over(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    ines = world.interpreter(stage.session_id, "es")
    ivan = world.interpreter(stage.session_id, "es", "ivan", standby=True)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "interpreterLease", replies[-1]
        assert replies[-1]["lease"]["holds"] is True
        _interprets(stage, ivan)
        assert stage.seat_of(ines) is not None

    return lambda: replies.append(stage.ask(ivan, "takeOver")), check


@scenario(interpreting.HandOver)
def hands_over(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    ines = world.interpreter(stage.session_id, "es")
    ivan = world.interpreter(stage.session_id, "es", "ivan", standby=True)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "interpreterLease", replies[-1]
        assert replies[-1]["lease"]["holds"] is False
        _interprets(stage, ivan)
        assert stage.heard(ivan, "interpreterLease")["reason"] == "promoted"

    return lambda: replies.append(stage.ask(ines, "handOver")), check


# Announcements


@scenario(Announce)
def announces(stage: Stage) -> tuple[Do, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "announcement", replies[-1]
        _late(stage)
        for listener in stage.listening:
            told = stage.heard(listener, "announcement")
            assert told["announcementId"] == replies[-1]["announcementId"]

    def do() -> None:
        replies.append(
            stage.ask(
                stage.speaker,
                "announce",
                scope="session",
                message="Ten minutes.",
                idempotencyKey="k",
            )
        )

    return do, check


def _late(stage: Stage) -> None:
    """What of announcements is done later; what fails there comes again."""
    for _ in range(6):
        stage.world.clock.advance(3_000)
        stage.world.fire_announcement_timers()


def _announced(stage: Stage) -> str:
    reply = stage.ask(stage.speaker, "announce", scope="session", message="Ten minutes.")
    announcement: str = reply["announcementId"]
    return announcement


@scenario(ClearAnnouncement)
def clears(stage: Stage) -> tuple[Do, Check]:
    announcement = _announced(stage)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "announcementCleared", replies[-1]
        _late(stage)
        for listener in stage.listening:
            assert stage.heard(listener, "announcementCleared")["announcementId"] == announcement

    return (
        lambda: replies.append(stage.ask(stage.speaker, "clearAnnouncement", scope="session")),
        check,
    )


@scenario(AcknowledgeAnnouncement)
def acknowledges(stage: Stage) -> tuple[Do, Check]:
    announcement = _announced(stage)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "announcementAcknowledged", replies[-1]
        shown = stage.world.ask(stage.es, "getActiveAnnouncement", scope="session")
        assert shown["announcementId"] is None
        own = stage.world.ask(stage.speaker, "getActiveAnnouncement", scope="session")
        assert own["coverage"]["acknowledged"] == 1

    def do() -> None:
        replies.append(stage.ask(stage.es, "acknowledgeAnnouncement", announcementId=announcement))

    return do, check


@scenario(GetActiveAnnouncement)
def asks_what_is_announced(stage: Stage) -> tuple[Do, Check]:
    announcement = _announced(stage)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["announcementId"] == announcement

    return (
        lambda: replies.append(stage.ask(stage.es, "getActiveAnnouncement", scope="session")),
        check,
    )


# Devices


@scenario(RegisterDevice)
def registers(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    other, older = phone(world, "dora", 2), phone(world, "dora", 1)
    newer = world.connect("dora")
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "deviceRegistered", replies[-1]
        assert stage.heard(other.connection, "devicesChanged")
        assert stage.heard(older.connection, "deviceReplaced")["deviceId"] == older.device_id
        assert older.connection in world.sender.gone
        again = world.ask(newer, "registerDevice", deviceId=device_id(1))
        assert len(again["devices"]) == 2

    return (
        lambda: replies.append(stage.ask(newer, "registerDevice", deviceId=device_id(1))),
        check,
    )


@scenario(GetSyncSnapshot)
def takes_a_snapshot(stage: Stage) -> tuple[Do, Check]:
    mine = phone(stage.world, "dora", 1)
    mine.watch("film")
    replies: list[Message] = []

    def check() -> None:
        assert [item["contentId"] for item in replies[-1]["items"]] == ["film"]

    return lambda: replies.append(stage.ask(mine.connection, "getSyncSnapshot")), check


@scenario(Sync)
def syncs(stage: Stage) -> tuple[Do, Check]:
    mine, other = phone(stage.world, "dora", 1), phone(stage.world, "dora", 2)
    replies: list[Message] = []
    fields = {
        "kind": "progressUpdate",
        "contentId": "film",
        "positionSeconds": 1,
        "durationSeconds": 7_200,
        "hlc": mine.clock(),
    }

    def check() -> None:
        assert replies[-1]["applied"] is True
        assert stage.heard(other.connection, "syncMessage")["contentId"] == "film"
        assert [item["contentId"] for item in other.snapshot()] == ["film"]

    return lambda: replies.append(stage.ask(mine.connection, "sync", **fields)), check


@scenario(Sync)
def commands(stage: Stage) -> tuple[Do, Check]:
    mine, other = phone(stage.world, "dora", 1), phone(stage.world, "dora", 2)
    replies: list[Message] = []
    fields = {
        "kind": "deviceCommand",
        "targetDeviceId": other.device_id,
        "command": "play",
        "commandId": device_id(77),
        "hlc": mine.clock(),
    }

    def check() -> None:
        assert replies[-1]["applied"] is True, replies[-1]
        assert stage.heard(other.connection, "syncMessage")["command"] == "play"

    return lambda: replies.append(stage.ask(mine.connection, "sync", **fields)), check


# What no client asks for


@scenario("$connect")
def connects(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
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

    def do() -> None:
        while world.call("connect", event)["statusCode"] != 200:
            pass

    def check() -> None:
        assert world.ask("newcomer", "heartbeat")["type"] == "heartbeatAck"

    return do, check


@scenario("$disconnect", by_clock=True)
def listener_disconnects(stage: Stage) -> tuple[Do, Check]:
    stage.world.sender.gone.add(stage.es)

    def check() -> None:
        del stage.listening[stage.es]
        assert stage.world.connections.get(stage.es) is None

    return lambda: stage.world.disconnect(stage.es), check


@scenario("$disconnect", by_clock=True)
def speaker_disconnects(stage: Stage) -> tuple[Do, Check]:
    stage.world.sender.gone.add(stage.speaker)

    def check() -> None:
        for listener in stage.listening:
            stage.heard(listener, "speakerDisconnected")
            assert stage.heard(listener, "sessionEnded")["reason"] == "speakerLeft"
        assert not stage.world.session(stage.session_id).is_active

    return lambda: stage.world.disconnect(stage.speaker), check


@scenario("$disconnect", by_clock=True)
def interpreter_disconnects(stage: Stage) -> tuple[Do, Check]:
    ines = stage.world.interpreter(stage.session_id, "es")
    stage.world.sender.gone.add(ines)

    def check() -> None:
        assert stage.heard(stage.es, "channelSourceChanged")["to"] == "floor"

    return lambda: stage.world.disconnect(ines), check


@scenario("grace is over")
def timer_rings(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    world.disconnect(stage.speaker)
    world.clock.advance(60_000)

    def do() -> None:
        for _ in range(4):  # the queue repeats what failed
            if not world.fire_timers()["batchItemFailures"]:
                break

    def check() -> None:
        for listener in stage.listening:
            assert stage.heard(listener, "sessionEnded")["reason"] == "speakerLeft"
        assert not world.session(stage.session_id).is_active

    return do, check


@scenario("sweep", by_clock=True)
def sweep_finds_an_idle_listener(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    world.clock.advance(120_000)
    for connection in (stage.speaker, stage.fr):
        world.ask(connection, "heartbeat")
    world.sender.gone.add(stage.es)

    def check() -> None:
        del stage.listening[stage.es]
        assert world.connections.get(stage.es) is None

    return world.sweep, check


@scenario("reconcile", by_clock=True)
def counters_are_corrected(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    world.sessions.count_in(stage.session_id, "de")
    world.reconcile()
    world.clock.advance(60_000)
    for connection in (stage.speaker, *stage.listening):
        world.ask(connection, "heartbeat")

    return world.reconcile, lambda: None


@scenario("statuses", by_clock=True)
def statuses_are_told(stage: Stage) -> tuple[Do, Check]:
    world = stage.world

    def do() -> None:
        world.clock.advance(1_000)
        bodies = world.status_timers.bodies()
        for _ in range(4 if bodies else 0):
            if not world._deliver(bodies, "session_status")["batchItemFailures"]:
                break

    def check() -> None:
        world.tick()
        assert stage.heard(stage.speaker, "sessionStatus")["listenerCount"] == 2

    return do, check


@scenario("devices")
def presence_of_devices(stage: Stage) -> tuple[Do, Check]:
    world = stage.world
    mine, other = phone(world, "dora", 1), phone(world, "dora", 2)
    world.sender.gone.add(other.connection)
    world.connections.delete(other.connection)

    def check() -> None:
        world.presence()
        shown = world.ask(mine.connection, "registerDevice", deviceId=mine.device_id)["devices"]
        assert [device["online"] for device in shown] == [True, False]

    return world.presence, check
