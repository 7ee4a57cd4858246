"""Reconnecting connections, against a service in memory that drops them."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from cli.options import Connector
from client.connection.clock_offset import ClockOffset
from client.connection.reconnecting import ReconnectingConnection, reconnecting
from client.connection.websocket import Connection, connect
from client.errors import (
    ConnectionLostError,
    DisplacedError,
    ReconnectTimeoutError,
    RequestRefusedError,
    TokenError,
    UnavailableError,
)
from client.protocol.events import AudioReceived, Disconnected, Notification, Reconnected
from shared.protocol.messages import ConnectionTimeout
from tests.unit.client.lines import Line, cut, steadfast
from tests.unit.client.support import T0, FakeClock, FakeService, serving, token_service

SESSION = "golden-eagle-427"


def _error(code: str, *, retryable: bool = False) -> dict[str, object]:
    return {"type": "error", "status": 409, "code": code, "message": "m", "retryable": retryable}


async def _away_and_back(connection: ReconnectingConnection) -> Reconnected:
    assert isinstance(await connection.next_event(5), Disconnected)
    returned = await connection.next_event(5)
    assert isinstance(returned, Reconnected)
    return returned


@pytest.mark.parametrize("close_code", [None, 1001, 1012])
async def test_a_speaker_takes_the_floor_again_with_a_new_epoch(close_code: int | None) -> None:
    service, clock = FakeService(), FakeClock()
    async with steadfast(service, clock) as (connection, _):
        await connection.create_session("en")
        await cut(service, close_code)
        returned = await _away_and_back(connection)
        assert (returned.reply.epoch, returned.seconds) == (2, 0.5)
        assert connection.state is not None
        assert (connection.state.role, connection.state.epoch) == ("speaker", 2)
        await connection.end_session()
    join = service.requests[1]
    assert (join["action"], join["role"], join["sessionId"]) == ("joinSession", "speaker", SESSION)


async def test_a_speaker_whose_two_hours_are_over_comes_back_whatever_the_code() -> None:
    service, clock = FakeService(), FakeClock()
    async with steadfast(service, clock) as (connection, _):
        created = await connection.create_session("en")
        clock.advance(created.connection_expires_at - T0)
        await cut(service, 1000)
        await _away_and_back(connection)


async def test_a_speaker_who_was_told_of_a_timeout_comes_back_whatever_the_code() -> None:
    service, clock = FakeService(), FakeClock()
    async with steadfast(service, clock) as (connection, _):
        await connection.create_session("en")
        told = {"type": "connectionTimeout", "reason": "idle", "idleSeconds": 120, "timestamp": T0}
        for everyone in service.everyone():
            await everyone.send(json.dumps(told))
        await cut(service, 1000)
        notice = await connection.next_event(5)
        assert isinstance(notice, Notification)
        assert notice.message == ConnectionTimeout(idle_seconds=120, timestamp=T0)
        assert (await _away_and_back(connection)).reply.epoch == 2


async def test_a_displaced_speaker_does_not_reconnect() -> None:
    service = FakeService()
    async with steadfast(service, FakeClock()) as (connection, _):
        await connection.create_session("en")
        await cut(service, 1000)
        with pytest.raises(DisplacedError, match="another connection of yours"):
            await connection.next_event(5)


async def test_a_listener_comes_back_in_the_language_that_it_heard_last() -> None:
    service = FakeService()
    async with steadfast(service, FakeClock()) as (connection, _):
        joined = await connection.join(SESSION, "es")
        await connection.change_language("fr")
        await cut(service)
        await _away_and_back(connection)
    joins = [request for request in service.requests if request["action"] == "joinSession"]
    assert [join["targetLanguage"] for join in joins] == ["es", "fr"]
    # Perhaps the service has not noticed the loss, and still holds the seat.
    assert [join.get("resumeToken") for join in joins] == [None, joined.resume_token]


def _busy() -> dict[str, object]:
    return {**_error("UNAVAILABLE", retryable=True), "retryAfterMs": 3_000}


async def test_a_refused_join_is_repeated_when_the_service_asks_for_it() -> None:
    service, clock = FakeService(), FakeClock()
    service.refusals = [_busy(), _busy()]
    async with steadfast(service, clock) as (connection, _):
        started_at = clock.monotonic()
        assert (await connection.join(SESSION, "es")).session_id == SESSION
        assert clock.monotonic() - started_at == 2 * 4.5  # the latest moment for each
    assert [request["action"] for request in service.requests] == ["joinSession"] * 3


async def test_a_join_that_is_refused_again_and_again_fails() -> None:
    service = FakeService()
    service.refusals = [_busy() for _ in range(10)]
    async with steadfast(service, FakeClock()) as (connection, _):
        with pytest.raises(RequestRefusedError, match="UNAVAILABLE"):
            await connection.join(SESSION, "es")
    assert len(service.requests) == 6


async def test_a_client_that_does_not_reconnect_does_not_repeat_a_refused_join() -> None:
    service = FakeService()
    service.refusals = [_busy()]
    async with steadfast(service, FakeClock(), grace_seconds=0) as (connection, _):
        with pytest.raises(RequestRefusedError, match="UNAVAILABLE"):
            await connection.join(SESSION, "es")


async def test_an_interpreter_waits_until_its_own_seat_is_free() -> None:
    service = FakeService()
    async with steadfast(service, FakeClock()) as (connection, _):
        await connection.join(SESSION, "es", "interpreter")
        service.refusals = [_error("LANGUAGE_TAKEN"), _error("LANGUAGE_TAKEN")]
        await cut(service)
        returned = await _away_and_back(connection)
    assert returned.reply.role == "interpreter"
    assert returned.seconds == 0.5 + 1 + 2


async def test_transient_errors_are_retried_until_reconnected() -> None:
    service, clock = FakeService(), FakeClock()
    async with steadfast(service, clock) as (connection, line):
        await connection.create_session("en")
        line.faults = [TokenError("no token"), ConnectionLostError("gone")]
        service.refusals = [_error("UNAVAILABLE", retryable=True)]
        await cut(service)
        await _away_and_back(connection)


@pytest.mark.parametrize("code", ["SESSION_ENDED", "FORBIDDEN"])
async def test_a_permanent_refusal_ends_reconnection(code: str) -> None:
    service, clock = FakeService(), FakeClock()
    async with steadfast(service, clock) as (connection, _):
        await connection.create_session("en")
        service.refusals = [_error(code)]
        await cut(service)
        assert isinstance(await connection.next_event(5), Disconnected)
        for ask in (connection.next_event, connection.end_session, connection.heartbeat):
            with pytest.raises(RequestRefusedError, match=code):
                await ask()
        with pytest.raises(RequestRefusedError, match=code):
            await connection.send_audio(0, T0, bytes(100))
    assert clock.ms == 500


async def test_reconnection_ends_after_the_grace_period() -> None:
    service, clock = FakeService(), FakeClock()
    async with steadfast(service, clock, grace_seconds=10) as (connection, line):
        await connection.create_session("en")
        line.faults = [ConnectionLostError("no network")] * 100
        await cut(service)
        assert await connection.next_event(5) == Disconnected("the connection broke off", 10)
        with pytest.raises(ReconnectTimeoutError, match=r"within 10 s \(no network\)"):
            await connection.next_event(5)
    assert clock.ms == 10_000


async def test_without_a_session_there_is_no_reconnection() -> None:
    async def slam(connection: object) -> None:
        """Close at once."""

    async with serving(slam) as url, reconnecting(Line(url).open) as connection:
        with pytest.raises(ConnectionLostError, match="code 1000"):
            await connection.create_session("en")


async def test_while_disconnected_chunks_are_refused_and_requests_wait() -> None:
    service, asleep, awake = FakeService(), asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await awake.wait()

    async with (
        serving(service.handle) as url,
        reconnecting(Line(url).open, sleep=sleep) as connection,
    ):
        await connection.create_session("en")
        await cut(service)
        await asleep.wait()
        assert connection.state is None
        with pytest.raises(UnavailableError):
            await connection.send_audio(0, T0, bytes(100))
        ending = asyncio.create_task(connection.end_session())
        awake.set()
        assert (await ending).reason == "ended"
    assert service.actions() == ["createSession", "joinSession", "endSession"]


async def test_the_clock_offset_outlives_a_connection() -> None:
    class Ahead(FakeService):
        async def _heartbeat(self, connection, request) -> None:  # type: ignore[no-untyped-def]
            ack = {"type": "heartbeatAck", "timestamp": T0 + 60_000, "clientTime": T0}
            await self._reply(connection, request, ack)

    service, clock = Ahead(), FakeClock()
    async with serving(service.handle) as url:

        def opened(offset: ClockOffset) -> contextlib.AbstractAsyncContextManager[Connection]:
            return connect(url, offset=offset, clock=clock)

        async with reconnecting(
            opened, clock=clock, sleep=clock.sleep, random_fraction=lambda: 0
        ) as connection:
            await connection.join(SESSION, "en")
            await connection.heartbeat()
            assert connection.now_ms() == T0 + 60_000
            await cut(service)
            await _away_and_back(connection)
            assert connection.now_ms() == T0 + 60_000


async def test_closing_while_disconnected_ends_reconnection() -> None:
    service, asleep = FakeService(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    async with (
        serving(service.handle) as url,
        reconnecting(Line(url).open, sleep=sleep) as connection,
    ):
        await connection.create_session("en")
        await cut(service)
        await asleep.wait()
    with pytest.raises(ConnectionLostError):
        await connection.heartbeat()


async def test_each_connection_has_a_token_of_its_own() -> None:
    service = FakeService()
    with token_service(200, '{"token": "t"}') as (token_url, asked):
        async with serving(service.handle) as url:
            access = Connector(url, None, token_url, "alice", ("speakers",))
            clock = FakeClock()
            async with reconnecting(access.open, clock=clock, sleep=clock.sleep) as connection:
                await connection.create_session("en")
                await cut(service)
                await _away_and_back(connection)
    assert asked == [{"sub": "alice", "groups": ["speakers"]}] * 2


async def test_events_before_the_loss_come_before_it() -> None:
    service = FakeService()
    async with steadfast(service, FakeClock()) as (connection, line), connect(line.url) as speaker:
        await speaker.create_session("en")
        await connection.join(SESSION, "en")
        await speaker.send_audio(0, T0, bytes(100))
        await speaker.heartbeat()
        await cut(service)
        kinds = [type(await connection.next_event(5)) for _ in range(3)]
    assert kinds == [AudioReceived, Disconnected, Reconnected]


async def test_a_listener_says_what_it_heard_last_and_when_all_was_well() -> None:
    service = FakeService()
    async with steadfast(service, FakeClock()) as (connection, line), connect(line.url) as speaker:
        await speaker.create_session("en")
        await connection.join(SESSION, "es")
        for seq in (4, 5):
            await speaker.send_audio(seq, T0, bytes(100))
        await speaker.heartbeat()  # both have been delivered
        await connection.heartbeat()
        acknowledged = service.requests[-1]["clientTime"]
        listener = next(each for each in service.everyone() if each is not service.speaker)
        listener.transport.abort()
        while not isinstance(await connection.next_event(5), Reconnected):
            pass
    first, rejoin = (each for each in service.requests if each["action"] == "joinSession")
    assert "last" not in first
    assert rejoin["last"] == {"language": "en", "epoch": 1, "seq": 5, "at": acknowledged}


async def test_an_unexpected_exception_does_not_look_like_the_end_of_a_session() -> None:
    async def hear() -> None:
        service = FakeService()
        async with steadfast(service, FakeClock()) as (connection, line):
            await connection.join(SESSION, "es")
            line.faults = [ZeroDivisionError()]  # type: ignore[list-item]
            await cut(service)
            while await connection.next_event(10) is not None:
                pass

    with pytest.raises(ZeroDivisionError):
        await hear()
