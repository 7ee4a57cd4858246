"""What a client shows of announcements, in whatever order and however often it is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.acknowledging import Acknowledger
from client.announcement_requests import AnnouncementRequests
from client.announcements import AnnouncementBoard, announced
from client.asking import ReplyType
from client.connection import connect
from client.errors import ClientError, RequestRefusedError
from client.events import Answered, Away, Event, Notified, Outcome, Returned
from client.lasting import lasting
from client.protocol import SessionCore
from shared.models.announcement_messages import (
    AcknowledgeAnnouncement,
    ActiveAnnouncement,
    Announce,
    Announcement,
    AnnouncementAcknowledged,
    AnnouncementCleared,
    GetActiveAnnouncement,
    Scope,
)
from shared.models.message_base import Request, ServerMessage
from shared.models.messages import JoinSession, SessionEnded, SessionLeft
from tests.unit.client.lines import cut, steadfast
from tests.unit.client.support import JOINED, FakeClock, FakeService, serving

SESSION = "golden-eagle-427"


def announcement(number: int, created_at: int | None = None, scope: Scope = "all") -> Announcement:
    """The announcement of that number, a ms after the one before."""
    return Announcement(
        announcement_id=f"a{number}",
        scope=scope,
        message=f"text {number}",
        message_type="info",
        created_at=number if created_at is None else created_at,
        session_id=SESSION if scope == "session" else None,
    )


def active(of: Announcement) -> ActiveAnnouncement:
    """As it is told to whoever comes later."""
    return ActiveAnnouncement(
        announcement_id=of.announcement_id,
        scope=of.scope,
        message=of.message,
        message_type=of.message_type,
        created_at=of.created_at,
        session_id=of.session_id,
    )


def cleared(of: Announcement) -> AnnouncementCleared:
    return AnnouncementCleared(
        announcement_id=of.announcement_id,
        scope=of.scope,
        session_id=of.session_id,
        created_at=of.created_at,
    )


ANNOUNCEMENTS = st.builds(
    announcement,
    st.integers(0, 5),
    scope=st.sampled_from(("all", "session")),
)
# Ids are of one scope each, as a service gives them out.
MESSAGES = ANNOUNCEMENTS.map(
    lambda it: announcement(
        int(it.announcement_id[1:]) + 10 * (it.scope == "session"), it.created_at // 2, it.scope
    )
).flatmap(
    lambda it: st.sampled_from(
        (it, active(it), cleared(it), AnnouncementAcknowledged(announcement_id=it.announcement_id))
    )
)


@given(st.lists(st.one_of(MESSAGES, st.just("lost")), max_size=40))
def test_whatever_comes_is_told_once_newer_after_older_and_never_after_its_end(
    messages: list[ServerMessage | str],
) -> None:
    board, over = AnnouncementBoard(), set[str]()
    told: dict[Scope, list[tuple[int, str]]] = {"all": [], "session": []}
    for message in messages:
        if isinstance(message, str):
            board.lost()
            assert not board.shown
            continue
        news = board.take(message)
        if isinstance(message, Announcement | ActiveAnnouncement):
            it = announced(message)
            assert it is not None
            if news:
                assert it.announcement_id not in over
                assert board.shown[it.scope] == it
                told[it.scope].append((it.created_at, it.announcement_id))
        elif isinstance(message, AnnouncementCleared | AnnouncementAcknowledged):
            assert message.announcement_id is not None
            over.add(message.announcement_id)
        for scope, shown in board.shown.items():
            assert shown.announcement_id not in over
            assert (shown.created_at, shown.announcement_id) == told[scope][-1]
    for keys in told.values():
        assert keys == sorted(set(keys))


@given(st.permutations([announcement(number) for number in range(5)]), st.data())
def test_in_any_order_with_repetitions_the_newest_is_shown(
    order: list[Announcement], data: st.DataObject
) -> None:
    board = AnnouncementBoard()
    for it in order + data.draw(st.lists(st.sampled_from(order))):
        board.take(it)
    assert board.shown == {"all": announcement(4)}
    assert board.take(cleared(announcement(4)))
    assert board.shown == {}


def test_a_clear_that_overtakes_its_announcement_holds() -> None:
    board = AnnouncementBoard()
    assert not board.take(cleared(announcement(1)))
    assert not board.take(announcement(1))
    assert board.shown == {}
    assert board.take(announcement(2))


def test_a_clear_ends_what_was_replaced_before_it_as_well() -> None:
    board = AnnouncementBoard()
    board.take(announcement(1))
    assert board.take(cleared(announcement(3)))
    assert board.shown == {}
    assert not board.take(announcement(2))
    assert board.take(announcement(4))
    assert not board.take(cleared(announcement(3)))
    assert board.shown == {"all": announcement(4)}


def test_a_clear_in_another_session_ends_nothing_here() -> None:
    board = AnnouncementBoard()
    board.take(announcement(1, scope="session"))
    elsewhere = AnnouncementCleared(
        announcement_id="b", scope="session", session_id="calm-otter-404", created_at=9
    )
    assert not board.take(elsewhere)
    assert board.shown == {"session": announcement(1, scope="session")}


def test_what_was_replaced_while_away_does_not_come_back_and_what_held_is_no_news() -> None:
    board = AnnouncementBoard()
    board.take(announcement(1))
    board.take(announcement(2))
    board.lost()
    assert not board.take(active(announcement(2)))
    assert not board.take(active(announcement(1)))
    assert board.shown == {"all": announcement(2)}


@pytest.mark.parametrize(
    "end", [SessionEnded(session_id=SESSION, reason="ended"), SessionLeft(session_id=SESSION)]
)
def test_a_sessions_announcement_goes_with_the_session(end: ServerMessage) -> None:
    board = AnnouncementBoard()
    board.take(announcement(1, scope="session"))
    board.take(announcement(2))
    assert board.take(end)
    assert board.shown == {"all": announcement(2)}


def test_another_sessions_announcement_may_be_older() -> None:
    board = AnnouncementBoard()
    board.take(announcement(9, scope="session"))
    board.take(SessionLeft(session_id=SESSION))
    other = Announcement(
        announcement_id="b",
        scope="session",
        message="m",
        message_type="alert",
        created_at=1,
        session_id="calm-otter-404",
    )
    assert board.take(other)


@pytest.mark.parametrize(
    "nothing",
    [
        ActiveAnnouncement(announcement_id=None),
        ActiveAnnouncement(announcement_id="a1", scope="all"),
        AnnouncementCleared(announcement_id=None, scope="all"),
    ],
)
def test_nothing_is_no_news(nothing: ServerMessage) -> None:
    assert not AnnouncementBoard().take(nothing)


ALL: dict[str, Any] = {
    "type": "announcement",
    "announcementId": "a1",
    "scope": "all",
    "message": "Lunch\x1b[31m at noon",
    "messageType": "warning",
    "createdAt": 7,
}
OURS = {**ALL, "announcementId": "a2", "scope": "session", "sessionId": SESSION}


def _receive(core: SessionCore, *messages: dict[str, Any]) -> list[Event | Outcome]:
    return [event for message in messages for event in core.receive(json.dumps(message), 5.0)]


def _joining(core: SessionCore) -> dict[str, Any]:
    request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
    return {**JOINED, "requestId": request_id}


def test_an_announcement_to_all_needs_no_session_and_its_text_is_unchanged() -> None:
    core = SessionCore()
    (event,) = _receive(core, ALL)
    assert isinstance(event, Notified)
    assert isinstance(event.message, Announcement)
    assert event.message.message == "Lunch\x1b[31m at noon"
    assert core.announcements.shown == {"all": event.message}
    assert _receive(core, ALL, {**ALL, "type": "activeAnnouncement"}) == []


def test_of_a_session_only_ones_own_is_heard_also_before_the_reply_to_the_join() -> None:
    core = SessionCore()
    assert _receive(core, OURS) == []
    joined = _joining(core)
    assert _receive(core, OURS, {**OURS, "announcementId": "x", "sessionId": "a-b-404"}) == []
    assert [type(event) for event in _receive(core, joined)] == [Answered, Notified]
    assert core.announcements.shown["session"].announcement_id == "a2"


def test_ones_own_announcement_is_shown_by_its_reply() -> None:
    core = SessionCore()
    request_id, frame = core.ask(Announce(scope="all", message="Lunch", message_type="alert"))
    assert json.loads(frame)["messageType"] == "alert"
    assert len(_receive(core, {**ALL, "requestId": request_id})) == 1
    assert _receive(core, ALL) == []
    assert core.announcements.shown["all"].announcement_id == "a1"


def test_what_one_has_acknowledged_is_not_shown_again_even_to_those_who_ask() -> None:
    core = SessionCore()
    _receive(core, ALL)
    request_id, _ = core.ask(AcknowledgeAnnouncement(announcement_id="a1"))
    reply = {"type": "announcementAcknowledged", "announcementId": "a1", "requestId": request_id}
    _receive(core, reply)
    asked, _ = core.ask(GetActiveAnnouncement())
    _receive(core, {**ALL, "type": "activeAnnouncement", "requestId": asked})
    assert core.announcements.shown == {}


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


async def test_a_return_tells_nothing_twice_and_knows_what_still_holds() -> None:
    service, clock = Announcing(), FakeClock()
    async with steadfast(service, clock) as (connection, line):
        await connection.join(SESSION, "es")
        assert isinstance(await connection.next_event(5), Notified)
        await cut(service)
        assert isinstance(await connection.next_event(5), Away)
        assert isinstance(await connection.next_event(5), Returned)
        await connection.heartbeat()  # whatever was pushed has arrived
        assert line.opened == 2
        assert [it.announcement_id for it in connection.announcements.values()] == ["a1"]
        await connection.acknowledge_announcement("a1")
        assert connection.announcements == {}
        await cut(service)
        assert isinstance(await connection.next_event(5), Away)
        assert isinstance(await connection.next_event(5), Returned)
        await connection.heartbeat()
        assert connection.announcements == {}
        assert await connection.next_event(0) is None


@pytest.mark.parametrize("kind", ["plain", "lasting"])
async def test_announcing_over_any_connection(kind: str) -> None:
    service = Announcing()
    async with serving(service.handle) as url:
        opened = connect(url) if kind == "plain" else lasting(lambda offset: connect(url))
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
    """Answers each acknowledgement with what a test says; `asked` are the ids."""

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


async def test_whatever_becomes_of_one_confirmation_the_next_is_made() -> None:
    over = RequestRefusedError("ANNOUNCEMENT_NOT_FOUND", 404, "gone", retryable=False)
    busy = RequestRefusedError("UNAVAILABLE", 503, "later", retryable=True)
    told: list[str] = []
    reader = Reader(over, busy, None)
    acknowledger = Acknowledger(reader, told.append)
    acknowledger.shown(Away("gone", 60))
    acknowledger.shown(Notified(active(announcement(1))))
    acknowledger.shown(Notified(ActiveAnnouncement(announcement_id=None)))
    acknowledger.shown(Notified(cleared(announcement(1))))
    acknowledger.shown(Notified(announcement(2)))
    acknowledger.shown(Notified(announcement(3)))
    task = asyncio.create_task(acknowledger.run())
    await reader.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert reader.asked == ["a1", "a2", "a3"]
    assert told == ["Not confirmed: UNAVAILABLE: later", "Confirmed."]
