"""Announcements over connections: shown once, acknowledged, and kept over reconnections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from client.connection.reconnecting import reconnecting
from client.connection.websocket import connect
from client.errors import ClientError, RequestRefusedError
from client.flows.auto_acknowledge import AutoAcknowledge
from client.protocol.announcement_requests import AnnouncementRequests
from client.protocol.core import SessionCore
from client.protocol.events import (
    Disconnected,
    Event,
    Notification,
    Reconnected,
    ReplyReceived,
    RequestOutcome,
)
from client.protocol.requester import ReplyType
from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    ActiveAnnouncement,
    Announce,
    Announcement,
    AnnouncementAcknowledged,
    GetActiveAnnouncement,
)
from shared.protocol.message_base import Request
from shared.protocol.messages import JoinSession
from tests.unit.client.announcing import SESSION, active, announcement, cleared
from tests.unit.client.lines import cut, steadfast
from tests.unit.client.support import JOINED, FakeClock, FakeService, serving

ALL: dict[str, Any] = {
    "type": "announcement",
    "announcementId": "a1",
    "scope": "all",
    "message": "Lunch\x1b[31m at noon",
    "messageType": "warning",
    "createdAt": 7,
}
OURS = {**ALL, "announcementId": "a2", "scope": "session", "sessionId": SESSION}


def _receive(core: SessionCore, *messages: dict[str, Any]) -> list[Event | RequestOutcome]:
    return [event for message in messages for event in core.receive(json.dumps(message), 5.0)]


def _joining(core: SessionCore) -> dict[str, Any]:
    request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
    return {**JOINED, "requestId": request_id}


def test_an_announcement_to_all_needs_no_session_and_its_text_is_unchanged() -> None:
    core = SessionCore()
    (event,) = _receive(core, ALL)
    assert isinstance(event, Notification)
    assert isinstance(event.message, Announcement)
    assert event.message.message == "Lunch\x1b[31m at noon"
    assert core.announcements.active == {"all": event.message}
    assert _receive(core, ALL, {**ALL, "type": "activeAnnouncement"}) == []


def test_of_a_session_only_ones_own_is_heard_also_before_the_reply_to_the_join() -> None:
    core = SessionCore()
    assert _receive(core, OURS) == []
    joined = _joining(core)
    assert _receive(core, OURS, {**OURS, "announcementId": "x", "sessionId": "a-b-404"}) == []
    assert [type(event) for event in _receive(core, joined)] == [ReplyReceived, Notification]
    assert core.announcements.active["session"].announcement_id == "a2"


def test_ones_own_announcement_is_shown_by_its_reply() -> None:
    core = SessionCore()
    request_id, frame = core.ask(Announce(scope="all", message="Lunch", message_type="alert"))
    assert json.loads(frame)["messageType"] == "alert"
    assert len(_receive(core, {**ALL, "requestId": request_id})) == 1
    assert _receive(core, ALL) == []
    assert core.announcements.active["all"].announcement_id == "a1"


def test_what_one_has_acknowledged_is_not_shown_again_even_to_those_who_ask() -> None:
    core = SessionCore()
    _receive(core, ALL)
    request_id, _ = core.ask(AcknowledgeAnnouncement(announcement_id="a1"))
    reply = {"type": "announcementAcknowledged", "announcementId": "a1", "requestId": request_id}
    _receive(core, reply)
    asked, _ = core.ask(GetActiveAnnouncement())
    _receive(core, {**ALL, "type": "activeAnnouncement", "requestId": asked})
    assert core.announcements.active == {}


class Announcing(FakeService):
    """Announces to whoever joins, and keeps what readers acknowledge."""

    acknowledged: tuple[str, ...] = ()

    async def _joinSession(self, connection: Any, request: dict[str, Any]) -> None:  # noqa: N802
        await super()._joinSession(connection, request)
        if ALL["announcementId"] not in self.acknowledged:
            await connection.send(json.dumps({**ALL, "type": "activeAnnouncement"}))

    async def _acknowledgeAnnouncement(  # noqa: N802
        self, connection: Any, request: dict[str, Any]
    ) -> None:
        self.acknowledged += (request["announcementId"],)
        reply = {"type": "announcementAcknowledged", "announcementId": request["announcementId"]}
        await self._reply(connection, request, reply)

    async def _announce(self, connection: Any, request: dict[str, Any]) -> None:
        reply = {**ALL, "message": request["message"], "announcementId": request["idempotencyKey"]}
        await self._reply(connection, request, reply)

    async def _clearAnnouncement(  # noqa: N802
        self, connection: Any, request: dict[str, Any]
    ) -> None:
        reply = {"type": "announcementCleared", "announcementId": "a1", "scope": request["scope"]}
        await self._reply(connection, request, reply)

    async def _getActiveAnnouncement(  # noqa: N802
        self, connection: Any, request: dict[str, Any]
    ) -> None:
        await self._reply(
            connection, request, {"type": "activeAnnouncement"} | {"announcementId": None}
        )


async def test_a_reconnection_repeats_no_news_and_keeps_active_announcements() -> None:
    service, clock = Announcing(), FakeClock()
    async with steadfast(service, clock) as (connection, line):
        await connection.join(SESSION, "es")
        assert isinstance(await connection.next_event(5), Notification)
        await cut(service)
        assert isinstance(await connection.next_event(5), Disconnected)
        assert isinstance(await connection.next_event(5), Reconnected)
        await connection.heartbeat()  # whatever was pushed has arrived
        assert line.opened == 2
        assert [it.announcement_id for it in connection.announcements.values()] == ["a1"]
        await connection.acknowledge_announcement("a1")
        assert connection.announcements == {}
        await cut(service)
        assert isinstance(await connection.next_event(5), Disconnected)
        assert isinstance(await connection.next_event(5), Reconnected)
        await connection.heartbeat()
        assert connection.announcements == {}
        assert await connection.next_event(0) is None


@pytest.mark.parametrize("kind", ["plain", "reconnecting"])
async def test_announcing_over_any_connection(kind: str) -> None:
    service = Announcing()
    async with serving(service.handle) as url:
        opened = connect(url) if kind == "plain" else reconnecting(lambda offset: connect(url))
        async with opened as connection:
            first = await connection.announce("Lunch", translations={"es": "Comida"})
            assert connection.announcements["all"] == first
            second = await connection.announce("Lunch", "session", "alert", idempotency_key="k")
            assert (await connection.get_active_announcement("all")).announcement_id is None
            await connection.clear_announcement("session")
    assert second.announcement_id == "k"
    assert first.announcement_id not in ("", "k")
    assert [
        {name: value for name, value in request.items() if name not in ("requestId", "action")}
        for request in service.requests
    ] == [
        {
            "scope": "all",
            "message": "Lunch",
            "translations": {"es": "Comida"},
            "idempotencyKey": first.announcement_id,
        },
        {"scope": "session", "message": "Lunch", "messageType": "alert", "idempotencyKey": "k"},
        {"scope": "all"},
        {"scope": "session"},
    ]


class Reader(AnnouncementRequests):
    """Answers each acknowledgement as the test says; `asked` has the ids."""

    def __init__(self, *faults: ClientError | None) -> None:
        self.asked: list[str] = []
        self.done = asyncio.Event()
        self._faults = list(faults)

    async def ask(self, request: Request, expected: type[ReplyType]) -> ReplyType:
        assert isinstance(request, AcknowledgeAnnouncement)
        self.asked.append(request.announcement_id)
        fault = self._faults.pop(0)
        if not self._faults:
            self.done.set()
        if fault is not None:
            raise fault
        reply = AnnouncementAcknowledged(announcement_id=request.announcement_id)
        assert isinstance(reply, expected)
        return reply


async def test_a_failed_acknowledgement_does_not_stop_the_next() -> None:
    over = RequestRefusedError("ANNOUNCEMENT_NOT_FOUND", 404, "gone", retryable=False)
    busy = RequestRefusedError("UNAVAILABLE", 503, "later", retryable=True)
    told: list[str] = []
    reader = Reader(over, busy, None)
    acknowledger = AutoAcknowledge(reader, told.append)
    acknowledger.acknowledge(Disconnected("gone", 60))
    acknowledger.acknowledge(Notification(active(announcement(1))))
    acknowledger.acknowledge(Notification(ActiveAnnouncement(announcement_id=None)))
    acknowledger.acknowledge(Notification(cleared(announcement(1))))
    acknowledger.acknowledge(Notification(announcement(2)))
    acknowledger.acknowledge(Notification(announcement(3)))
    task = asyncio.create_task(acknowledger.run())
    await reader.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert reader.asked == ["a1", "a2", "a3"]
    assert told == ["Not confirmed: UNAVAILABLE: later", "Confirmed."]
