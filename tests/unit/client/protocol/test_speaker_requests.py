"""The speaker's controls, and how a client applies state changes."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from rich.console import Console

from cli import notices
from cli.console import Display
from client.connection.reconnecting import reconnecting
from client.connection.websocket import connect
from client.protocol.core import SessionCore
from client.protocol.events import Event, Notification, ReplyReceived, RequestOutcome
from client.protocol.speaker_requests import SpeakerRequests
from shared.models.broadcast_state import BroadcastState
from shared.protocol.message_base import ServerMessage
from shared.protocol.messages import (
    BroadcastStateChanged,
    CreateSession,
    JoinSession,
    PauseBroadcast,
)
from tests.unit.client.support import CREATED, JOINED, STATE, FakeService, serving

SESSION = "golden-eagle-427"


def changed(at: int, session_id: str = SESSION, **state: Any) -> dict[str, Any]:
    return {
        "type": "broadcastStateChanged",
        "sessionId": session_id,
        "broadcastState": {**STATE, "lastStateChange": at, **state},
    }


def receive(core: SessionCore, message: dict[str, Any]) -> list[Event | RequestOutcome]:
    return core.receive(json.dumps(message), 5.0)


def seated() -> SessionCore:
    core = SessionCore()
    request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
    receive(core, {**JOINED, "requestId": request_id})
    return core


def known(core: SessionCore) -> BroadcastState:
    assert core.state is not None
    return core.state.broadcast_state


def test_a_state_change_is_reported_and_applied() -> None:
    core = seated()

    (event,) = receive(core, changed(5, isPaused=True, volume=0.5))

    assert isinstance(event, Notification)
    assert known(core) == BroadcastState(is_paused=True, volume=0.5, last_state_change=5)


@pytest.mark.parametrize("at", [5, 4])
def test_a_known_or_older_state_is_ignored(at: int) -> None:
    core = seated()
    receive(core, changed(5, isPaused=True))

    assert receive(core, changed(at, isMuted=True)) == []
    assert known(core) == BroadcastState(is_paused=True, last_state_change=5)


def test_another_sessions_state_is_not_ours() -> None:
    core = seated()

    assert receive(core, changed(5, session_id="calm-otter-404", isPaused=True)) == []
    assert known(core).is_broadcasting()


def test_an_invalid_volume_is_ignored() -> None:
    core = seated()

    assert receive(core, changed(5, volume=1.5)) == []
    assert core.ignored == 1


def test_a_change_that_is_faster_than_the_reply_to_the_join_holds() -> None:
    core = SessionCore()
    request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
    assert receive(core, changed(5, isMuted=True)) == []

    events = receive(core, {**JOINED, "requestId": request_id})

    assert [type(event) for event in events] == [ReplyReceived, Notification]
    assert known(core).is_muted


def test_a_reply_is_a_change_too_and_an_older_one_none() -> None:
    core = SessionCore()
    request_id, _ = core.ask(CreateSession(source_language="en"))
    receive(core, {**CREATED, "requestId": request_id})
    pause, frame = core.ask(PauseBroadcast())
    late, _ = core.ask(PauseBroadcast())
    assert json.loads(frame) == {"action": "pauseBroadcast", "requestId": pause}

    for request_id, message in (
        (pause, changed(5, isPaused=True)),
        (late, changed(4, volume=0.5)),
    ):
        (event,) = receive(core, {**message, "requestId": request_id})
        assert isinstance(event, ReplyReceived)

    assert known(core) == BroadcastState(is_paused=True, last_state_change=5)


class ControlledService(FakeService):
    """Answers every control with the requested state."""

    async def _control(self, connection: Any, request: dict[str, Any]) -> None:
        flags: dict[str, dict[str, Any]] = {
            "pauseBroadcast": {"isPaused": True},
            "muteBroadcast": {"isMuted": True},
            "setVolume": {"volume": request.get("volume")},
        }
        reply = changed(len(self.requests), **flags.get(request["action"], {}))
        await self._reply(connection, request, reply)

    _pauseBroadcast = _resumeBroadcast = _muteBroadcast = _unmuteBroadcast = _control  # noqa: N815
    _setVolume = _control  # noqa: N815


Control = Callable[[SpeakerRequests], Awaitable[BroadcastStateChanged]]


@pytest.mark.parametrize(
    ("control", "action", "told"),
    [
        (SpeakerRequests.pause, "pauseBroadcast", BroadcastState(is_paused=True)),
        (SpeakerRequests.resume, "resumeBroadcast", BroadcastState()),
        (SpeakerRequests.mute, "muteBroadcast", BroadcastState(is_muted=True)),
        (SpeakerRequests.unmute, "unmuteBroadcast", BroadcastState()),
        (
            lambda connection: connection.set_volume(0.25),
            "setVolume",
            BroadcastState(volume=0.25),
        ),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "reconnecting"])
async def test_a_speaker_controls_over_any_connection(
    control: Control, action: str, told: BroadcastState, kind: str
) -> None:
    service = ControlledService()
    async with serving(service.handle) as url:
        opened = connect(url) if kind == "plain" else reconnecting(lambda offset: connect(url))
        async with opened as connection:
            await connection.create_session("en")
            reply = await control(connection)

    assert service.actions()[-1] == action
    state = reply.broadcast_state.to_dict()
    assert state == {**told.to_dict(), "lastStateChange": state["lastStateChange"]}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (BroadcastState(), "The broadcast is on, at a volume of 100%."),
        (BroadcastState(volume=0.25), "The broadcast is on, at a volume of 25%."),
        (BroadcastState(is_paused=True), "The broadcast is paused."),
        (BroadcastState(is_paused=True, is_muted=True), "The broadcast is paused and muted."),
    ],
)
def test_state_changes_are_described_in_words(state: BroadcastState, words: str) -> None:
    printed = io.StringIO()
    message: ServerMessage = BroadcastStateChanged(session_id=SESSION, broadcast_state=state)

    notices.show_notice(Display(Console(file=printed, width=100)), Notification(message))

    assert printed.getvalue().strip() == words
