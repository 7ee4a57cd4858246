"""An interpreter's lease, as seen by its client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from client.connection.reconnecting import reconnecting
from client.connection.websocket import connect
from client.errors import RequestRefusedError, UnavailableError
from client.protocol.core import SessionCore
from client.protocol.events import (
    AudioRefused,
    CaptionRefused,
    Disconnected,
    Event,
    Notification,
    Reconnected,
    RequestOutcome,
)
from shared.models.interpretation import Renders, RequestedInterpretation
from shared.protocol.interpretation_messages import InterpreterLease, SendCaption
from shared.protocol.messages import Heartbeat, JoinSession
from tests.unit.client.lines import Line, cut, steadfast
from tests.unit.client.support import CREATED, JOINED, T0, FakeClock, FakeService, serving

SESSION = "golden-eagle-427"
JOIN = JoinSession(session_id=SESSION, target_language="es", role="interpreter", source="machine")
RENDERS = Renders(timestamp=1, end_timestamp=2, recognise_ms=3, translate_ms=4, speak_ms=5)
CAPTION = SendCaption(text="hola", final=True, timestamp=1, end_timestamp=2)


def lease(*, holds: bool, epoch: int = 1, standbys: int = 0, until: int = T0) -> dict[str, Any]:
    known = {"language": "es", "holds": holds, "standbys": standbys, "leaseUntil": until}
    return {**known, "epoch": epoch} if holds else known


def told(reason: str, **of_lease: Any) -> dict[str, Any]:
    return {
        "type": "interpreterLease",
        "sessionId": SESSION,
        "reason": reason,
        "lease": lease(**of_lease),
    }


def ack(request_id: str, **of_lease: Any) -> dict[str, Any]:
    beat = {"type": "heartbeatAck", "timestamp": T0, "requestId": request_id}
    return {**beat, "lease": lease(**of_lease)} if of_lease else beat


def receive(core: SessionCore, *messages: dict[str, Any]) -> list[Event | RequestOutcome]:
    return [event for message in messages for event in core.receive(json.dumps(message), 5.0)]


def news(events: list[Event | RequestOutcome]) -> list[tuple[bool, str]]:
    return [
        (event.message.lease.holds, event.message.reason)
        for event in events
        if isinstance(event, Notification) and isinstance(event.message, InterpreterLease)
    ]


def interpreting(**of_lease: Any) -> SessionCore:
    core = SessionCore()
    request_id, _ = core.ask(JOIN)
    joined = {**JOINED, "role": "interpreter", "requestId": request_id}
    receive(core, {**joined, "lease": lease(**of_lease)})
    return core


def holds(core: SessionCore) -> tuple[bool, int | None]:
    assert core.state is not None
    return core.state.holds, core.state.epoch


def test_a_joining_interpreter_holds_the_lease_or_is_a_standby() -> None:
    holder = interpreting(holds=True, epoch=3)
    assert holder.state is not None
    assert holder.state.holds
    assert not interpreting(holds=False).state.holds  # type: ignore[union-attr]


def test_a_listener_holds_no_lease() -> None:
    core = SessionCore()
    request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
    receive(core, {**JOINED, "requestId": request_id})
    assert core.state is not None
    assert not core.state.holds
    receive(core, told("promoted", holds=True, epoch=4))
    assert not core.state.holds


def test_a_push_is_reported_and_an_equal_acknowledgement_is_not() -> None:
    core = interpreting(holds=False)
    assert news(receive(core, told("promoted", holds=True, epoch=4))) == [(True, "promoted")]
    assert holds(core) == (True, 4)
    beat, _ = core.ask(Heartbeat())
    assert news(receive(core, ack(beat, holds=True, epoch=4, until=T0 + 9))) == []
    assert core.state is not None
    assert core.state.lease is not None
    assert core.state.lease.lease_until == T0 + 9


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [(False, True, "promoted"), (True, False, "expired")],
)
def test_a_lost_push_heals_by_the_next_acknowledgement(
    before: bool, after: bool, reason: str
) -> None:
    core = interpreting(holds=before)
    beat, _ = core.ask(Heartbeat())
    events = receive(core, ack(beat, holds=after, epoch=7, standbys=2))
    assert news(events) == [(after, reason)]
    assert holds(core)[0] is after
    # The push, if it is only late, tells nothing new.
    assert receive(core, told("promoted", holds=after, epoch=7, standbys=2)) == []


def test_the_number_of_standbys_is_updated_silently() -> None:
    core = interpreting(holds=True, epoch=4)
    beat, _ = core.ask(Heartbeat())
    assert news(receive(core, ack(beat, holds=True, epoch=4, standbys=2))) == []
    assert core.state is not None
    assert core.state.lease is not None
    assert core.state.lease.standbys == 2


def test_an_acknowledgement_does_not_undo_a_newer_push() -> None:
    core = interpreting(holds=True)
    beat, _ = core.ask(Heartbeat())
    receive(core, told("takenOver", holds=False))
    assert news(receive(core, ack(beat, holds=True))) == []
    assert holds(core) == (False, None)


def test_acknowledgements_out_of_order_end_with_the_newest() -> None:
    core = interpreting(holds=True)
    first, _ = core.ask(Heartbeat())
    second, _ = core.ask(Heartbeat())
    receive(core, ack(second, holds=False), ack(first, holds=True))
    assert holds(core) == (False, None)


def test_an_unexpected_acknowledgement_is_ignored() -> None:
    core = interpreting(holds=True)
    beat, _ = core.ask(Heartbeat())
    core.give_up(beat)
    assert receive(core, ack(beat, holds=False)) == []
    assert holds(core)[0]


def test_a_lease_of_another_language_is_ignored() -> None:
    core = interpreting(holds=True)
    other = told("takenOver", holds=False)
    other["lease"]["language"] = "fr"
    assert receive(core, other) == []
    assert holds(core)[0]


def test_the_right_to_interpret_is_remembered_but_not_shown() -> None:
    core = SessionCore()
    request_id, _ = core.ask(
        JoinSession(session_id=SESSION, target_language="es", role="interpreter", ticket="secret-t")
    )
    receive(core, {**JOINED, "role": "interpreter", "requestId": request_id})
    assert core.state is not None
    assert core.state.credentials.ticket == "secret-t"
    assert "secret-t" not in repr(core.state)


def test_a_refused_caption_is_told_apart_from_audio() -> None:
    core = interpreting(holds=True)
    error = {"type": "error", "status": 403, "code": "FORBIDDEN", "message": "m"}
    error |= {"retryable": False, "action": "sendCaption"}
    sent = json.loads(core.caption_frame(CAPTION))
    events = receive(core, {**error, "requestId": sent["requestId"]}, error)
    assert [type(event) for event in events] == [CaptionRefused, CaptionRefused]
    audio = receive(core, {**error, "action": "sendAudio", "requestId": "audio-3"})
    assert [type(event) for event in audio] == [AudioRefused]


def test_what_a_chunk_renders_is_sent_with_it() -> None:
    frame = json.loads(SessionCore.audio_frame(1, 2, b"\0\1", RENDERS))
    assert frame["renders"] == {
        "timestamp": 1,
        "endTimestamp": 2,
        "recogniseMs": 3,
        "translateMs": 4,
        "speakMs": 5,
    }
    assert "renders" not in json.loads(SessionCore.audio_frame(1, 2, b"\0\1"))


class Leasing(FakeService):
    """Answers interpreters' requests and counts their heartbeats."""

    def __init__(self) -> None:
        super().__init__()
        self.beats: asyncio.Queue[None] = asyncio.Queue()
        self.answers_beats = True

    async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        self.beats.put_nowait(None)
        if self.answers_beats:
            await self._reply(connection, request, ack("", holds=True))

    async def _takeOver(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        await self._reply(connection, request, told("asked", holds=True, epoch=8))

    async def _handOver(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        error = {"type": "error", "status": 409, "code": "NO_STANDBY", "message": "m"}
        await self._reply(connection, request, {**error, "retryable": False})

    async def _getSessionStatus(  # noqa: N802
        self, connection: ServerConnection, request: dict[str, Any]
    ) -> None:
        status = {"type": "sessionStatus", "sessionId": SESSION, "listenerCount": 1}
        status |= {"languageDistribution": {"es": 1}, "sessionDuration": 1, "timestamp": T0}
        status |= {"broadcastState": CREATED["broadcastState"], "updateReason": "requested"}
        await self._reply(connection, request, {**status, "channels": {"es": "machine"}})

    async def _sendCaption(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        """Captions have no reply."""


async def test_interpreters_send_takeover_and_handover_requests() -> None:
    service = Leasing()
    async with serving(service.handle) as url, connect(url, lease_seconds=30) as connection:
        status = await connection.session_status(SESSION, "ticket")
        await connection.join(
            SESSION, "es", "interpreter", standby=True, source="machine", ticket="ticket"
        )
        assert (await connection.take_over()).lease.epoch == 8
        assert connection.state is not None
        assert (connection.state.holds, connection.state.epoch) == (True, 8)
        with pytest.raises(RequestRefusedError, match="NO_STANDBY"):
            await connection.hand_over()
        await connection.send_caption(CAPTION)
        await connection.send_audio(0, T0, bytes(100), RENDERS)
        await connection.leave()
    assert status.channels == {"es": "machine"}
    asked, joined, *_, caption, audio, _ = service.requests
    assert (asked["sessionId"], asked["ticket"]) == (SESSION, "ticket")
    assert (joined["standby"], joined["source"], joined["ticket"]) == (True, "machine", "ticket")
    assert (caption["text"], caption["endTimestamp"]) == ("hola", 2)
    assert audio["renders"]["endTimestamp"] == 2


async def test_a_session_is_opened_with_interpretation() -> None:
    service = FakeService()
    wanted = RequestedInterpretation(engine="aws", languages="auto")
    async with serving(service.handle) as url, connect(url) as connection:
        await connection.create_session("en", interpretation=wanted)
    assert service.requests[0]["interpretation"] == {"engine": "aws", "languages": "auto"}


async def test_an_interpreter_sends_heartbeats_without_waiting_for_replies() -> None:
    service, clock = Leasing(), FakeClock()
    service.answers_beats = False
    async with serving(service.handle) as url:
        opened = connect(url, clock=clock, heartbeat_seconds=3_600, lease_seconds=0.01)
        async with opened as connection, asyncio.timeout(10):
            await connection.join(SESSION, "es", "interpreter")
            for _ in range(3):
                clock.advance(20)
                # What is sent meanwhile does not stand in for a sign of life.
                await connection.send_audio(0, T0, bytes(100))
                await service.beats.get()


async def test_listeners_keep_the_normal_heartbeat_interval() -> None:
    service = Leasing()
    async with serving(service.handle) as url:
        opened = connect(url, heartbeat_seconds=3_600, lease_seconds=0)
        async with opened as connection:
            await connection.join(SESSION, "es")
            await connection.leave()
    assert service.beats.empty()


async def test_a_connection_that_lost_its_seat_sends_no_more_heartbeats() -> None:
    class Moved(Leasing):
        async def _heartbeat(self, connection, request) -> None:  # type: ignore[no-untyped-def]
            self.beats.put_nowait(None)
            error = {"type": "error", "status": 404, "code": "CONNECTION_NOT_FOUND"}
            await self._reply(connection, request, {**error, "message": "m", "retryable": False})

    service, clock = Moved(), FakeClock()
    async with (
        serving(service.handle) as url,
        connect(url, clock=clock, lease_seconds=30) as connection,
    ):
        clock.advance(60_000)
        await connection.join(SESSION, "es", "interpreter")
        async with asyncio.timeout(10):
            await service.beats.get()
        clock.advance(60_000)
        await connection.session_status()
        # Whatever it would have sent stands before this in the line.
        await connection.leave()
    assert service.beats.empty()


async def test_a_returning_interpreter_may_become_a_standby() -> None:
    service = FakeService()
    async with steadfast(service, FakeClock()) as (connection, _):
        await connection.join(SESSION, "es", "interpreter", source="machine", ticket="t")
        await cut(service)
        assert isinstance(await connection.next_event(5), Disconnected)
        assert isinstance(await connection.next_event(5), Reconnected)
    first, again = [one for one in service.requests if one["action"] == "joinSession"]
    assert "standby" not in first
    assert (again["standby"], again["source"], again["ticket"]) == (True, "machine", "t")


async def test_captions_are_not_queued_while_disconnected() -> None:
    service, asleep = FakeService(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    async with (
        serving(service.handle) as url,
        reconnecting(Line(url).open, sleep=sleep) as connection,
    ):
        await connection.join(SESSION, "es", "interpreter")
        await cut(service)
        await asleep.wait()
        with pytest.raises(UnavailableError):
            await connection.send_caption(CAPTION)
