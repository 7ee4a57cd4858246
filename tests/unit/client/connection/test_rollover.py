"""Rollover to a second connection before the first one expires."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from client.connection.reconnecting import ReconnectingConnection, reconnecting
from client.connection.rollover import EventMerger, RolloverSchedule
from client.connection.websocket import connect
from client.errors import RequestRefusedError, UnreachableError
from client.playback.jitter import JitterBuffer, Played
from client.protocol.events import (
    AudioReceived,
    AudioRefused,
    Notification,
    Reconnected,
    RolledOver,
)
from shared.models.audio_format import AudioFormat
from shared.protocol.message_base import ServerMessage
from shared.protocol.messages import Audio, SpeakerDisconnected, SpeakerReconnected
from tests.unit.client.lines import Line
from tests.unit.client.support import T0, FakeClock, FakeService, audio, serving

SESSION = "golden-eagle-427"
TWO_HOURS = 7_200_000
PATIENCE_SECONDS = 10


class Alarms:
    """Alarms that fire when a test says so."""

    def __init__(self) -> None:
        self._set: list[tuple[float, asyncio.Event]] = []
        self._changed = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        rung = asyncio.Event()
        self._set.append((seconds, rung))
        self._changed.set()
        await rung.wait()

    async def ring(self, seconds: float) -> None:
        """Fire the alarm of `seconds`, once it is set."""
        await self.is_set(seconds)
        alarm = next(alarm for alarm in self._set if alarm[0] == seconds)
        self._set.remove(alarm)
        alarm[1].set()

    async def is_set(self, seconds: float) -> None:
        """Wait until an alarm of `seconds` is set."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(alarm[0] == seconds for alarm in self._set):
                self._changed.clear()
                await self._changed.wait()


class Turn:
    """A client with test-controlled alarms."""

    def __init__(self, connection: ReconnectingConnection, line: Line, alarms: Alarms) -> None:
        self.connection = connection
        self.line = line
        self.alarms = alarms

    async def is_due(self) -> None:
        """The clocks are compared, then it is time: 15 minutes before the end."""
        await self.alarms.ring(60)
        await self.alarms.ring(7_200 - 900)

    async def event(self, kind: type) -> object:
        """Return the next event of a kind, skipping others."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = await self.connection.next_event(PATIENCE_SECONDS)
                if isinstance(event, kind):
                    return event


@contextlib.asynccontextmanager
async def client(service: FakeService, url: str) -> AsyncIterator[Turn]:
    clock, alarms, line = FakeClock(), Alarms(), Line(url)
    async with reconnecting(
        line.open, clock=clock, sleep=clock.sleep, alarm=alarms, random_fraction=lambda: 0.0
    ) as connection:
        yield Turn(connection, line, alarms)


async def test_a_listener_moves_with_its_token_and_hears_on_without_a_loss() -> None:
    service = FakeService()
    async with (
        serving(service.handle) as url,
        connect(url) as speaker,
        client(service, url) as turn,
    ):
        await speaker.create_session("en")
        first = await turn.connection.join(SESSION, "es")
        await turn.is_due()
        rolled = await turn.event(RolledOver)
        await speaker.send_audio(0, T0, bytes(100))
        heard = [await turn.event(AudioReceived), await turn.event(AudioReceived)]
        await turn.alarms.ring(2)
        await turn.is_due()
        await turn.event(RolledOver)

    assert isinstance(rolled, RolledOver)
    assert rolled.reply.resumed
    assert {event.audio.seq for event in heard if isinstance(event, AudioReceived)} == {0}
    joins = [request for request in service.requests if request["action"] == "joinSession"]
    tokens = [join.get("resumeToken") for join in joins]
    assert tokens == [None, first.resume_token, rolled.reply.resume_token]
    assert turn.line.opened == 3


async def test_a_speaker_sends_on_the_new_connection_at_once() -> None:
    service = FakeService()
    async with serving(service.handle) as url, client(service, url) as turn:
        await turn.connection.create_session("en")
        old = service.speaker
        await turn.is_due()
        await turn.event(RolledOver)
        assert turn.connection.state is not None
        assert turn.connection.state.epoch == 2
        await turn.connection.send_audio(1, T0, bytes(100))
        await turn.connection.heartbeat()
        assert service.speaker is not old
        assert old is not None
        assert old.close_code is None
        await turn.alarms.ring(2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await old.wait_closed()
        await turn.connection.end_session()


async def test_an_attempt_that_fails_is_made_again_a_minute_later() -> None:
    service = FakeService()
    async with serving(service.handle) as url, client(service, url) as turn:
        await turn.connection.join(SESSION, "es")
        turn.line.faults = [UnreachableError("no network")]
        await turn.is_due()
        await turn.alarms.ring(60)
        await turn.event(RolledOver)
        await turn.connection.heartbeat()
    assert turn.line.opened == 2


async def test_without_a_way_to_move_it_comes_back_when_it_is_lost() -> None:
    """An interpreter with an invalid token finds its seat taken by its own former connection."""
    service = FakeService()
    taken = {
        "type": "error",
        "status": 409,
        "code": "LANGUAGE_TAKEN",
        "message": "m",
        "retryable": False,
    }
    async with serving(service.handle) as url, client(service, url) as turn:
        await turn.connection.join(SESSION, "es", "interpreter")
        service.refusals = [taken]
        await turn.is_due()
        await turn.alarms.is_set(60)  # for the next attempt
        for connection in service.everyone():
            connection.transport.abort()
        returned = await turn.event(Reconnected)
    assert isinstance(returned, Reconnected)
    assert returned.reply.role == "interpreter"


async def test_that_the_former_connection_is_closed_early_is_no_loss() -> None:
    """The service closes a displaced speaker with this code when it rejected the token."""

    class Displacing(FakeService):
        async def _joinSession(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            if self.speaker is not None:
                await self.speaker.close(1000)
            await super()._joinSession(connection, request)

    service = Displacing()
    async with serving(service.handle) as url, client(service, url) as turn:
        await turn.connection.create_session("en")
        await turn.is_due()
        assert isinstance(await turn.connection.next_event(PATIENCE_SECONDS), RolledOver)
        await turn.connection.send_audio(1, T0, bytes(100))
        await turn.connection.end_session()
    assert service.actions()[-1] == "endSession"


async def test_requests_wait_while_the_seat_moves_and_the_move_waits_for_requests() -> None:
    class Slow(FakeService):
        def __init__(self) -> None:
            super().__init__()
            self.asked, self.go_on = asyncio.Event(), asyncio.Event()

        async def _changeLanguage(self, connection, request) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            self.asked.set()
            await self.go_on.wait()
            await super()._changeLanguage(connection, request)

    service = Slow()
    async with serving(service.handle) as url, client(service, url) as turn:
        await turn.connection.join(SESSION, "es")
        changing = asyncio.create_task(turn.connection.change_language("fr"))
        await service.asked.wait()
        await turn.alarms.ring(60)
        # The same connection answers in order: the comparison of clocks waits for the change.
        service.go_on.set()
        await changing
        await turn.alarms.ring(7_200 - 900)
        rolled = await turn.event(RolledOver)
    assert isinstance(rolled, RolledOver)
    assert rolled.reply.target_language == "fr"


@given(st.floats(0, 1), st.integers(1, TWO_HOURS))
def test_it_moves_an_eighth_before_the_end_and_at_most_a_quarter(
    random_fraction: float, lifetime: int
) -> None:
    schedule = RolloverSchedule.of(T0 + lifetime, T0, lambda: random_fraction)
    before_end = lifetime - (schedule.seconds_until_due(T0) or 0) * 1000
    assert lifetime / 8 - 1 <= before_end <= lifetime / 6 + 1
    retry = schedule.seconds_until_retry(T0 + lifetime - before_end)
    assert retry is not None
    assert schedule.seconds_until_retry(T0 + lifetime) is None


def test_a_connection_of_two_hours_is_left_after_105_minutes() -> None:
    assert RolloverSchedule.of(T0 + TWO_HOURS, T0, lambda: 0).seconds_until_due(T0) == 6_300


def test_a_connection_that_should_be_over_is_not_left_again_and_again() -> None:
    assert RolloverSchedule.of(T0 - 1, T0, lambda: 0).seconds_until_due(T0) is None


AWAY: ServerMessage = SpeakerDisconnected(session_id=SESSION, grace_seconds=60)
BACK: ServerMessage = SpeakerReconnected(session_id=SESSION, epoch=2)


@given(st.lists(st.sampled_from([AWAY, BACK]), max_size=6), st.data())
def test_what_both_tell_is_told_once_in_whatever_order_they_do(
    news: list[ServerMessage], data: st.DataObject
) -> None:
    overlap, told, left = EventMerger(), list[ServerMessage](), {"old": 0, "new": 0}
    while any(done < len(news) for done in left.values()):
        source = data.draw(st.sampled_from([s for s, done in left.items() if done < len(news)]))
        message = news[left[source]]
        left[source] += 1
        if overlap.accepts(Notification(message), source, former=source == "old"):
            told.append(message)
    assert told == news


def test_that_the_former_may_not_send_any_more_is_no_news() -> None:
    refused = AudioRefused(1, RequestRefusedError("FORBIDDEN", 403, "m", retryable=False))
    busy = AudioRefused(1, RequestRefusedError("UNAVAILABLE", 503, "m", retryable=True))
    overlap = EventMerger()
    assert not overlap.accepts(refused, "old", former=True)
    assert overlap.accepts(refused, "new", former=False)
    assert overlap.accepts(busy, "old", former=True)


DELAY_MS = 400


@given(
    st.integers(1, 15),
    st.integers(0, 15),
    st.lists(st.tuples(st.integers(0, 399), st.integers(0, 399)), min_size=30, max_size=30),
)
def test_a_stream_over_a_roll_over_is_played_once_and_whole(
    before: int, after: int, delays: list[tuple[int, int]]
) -> None:
    """The source goes on counting with the next epoch, the receiver gets all of it twice: each
    connection's chunks in any order within the delay.
    """
    chunks: list[Audio] = [
        audio(seq, epoch=1 if seq < before else 2, size=2) for seq in range(before + after)
    ]
    arrivals = sorted(
        (
            (chunk.timestamp + 200 + delay, chunk)
            for chunk, pair in zip(chunks, delays, strict=False)
            for delay in pair
        ),
        key=lambda arrival: arrival[0],
    )
    buffer = JitterBuffer(AudioFormat(encoding="opus"), DELAY_MS)
    events = []
    for at, chunk in arrivals:
        events += buffer.pop(at - 1)
        buffer.push(chunk, at)
    events += buffer.flush()

    assert [event.audio for event in events if isinstance(event, Played)] == chunks
    assert len(events) == len(chunks), "no gap"
    assert buffer.counts.duplicate == len(chunks)
