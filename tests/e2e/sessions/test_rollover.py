"""Short-lived connections roll over again and again during a stream, without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from cli.options import Connector
from client.flows.interpreter import Start, interpret
from client.flows.listener import Hooks
from client.flows.speaker import speak
from client.protocol.events import Disconnected, Notice, Notification, Reconnected, RolledOver
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from shared.protocol.interpretation_messages import InterpreterLease
from shared.protocol.messages import SessionCreated
from tests.e2e.support.operator import Operator
from tests.e2e.support.recording import (
    EventLog,
    RecordingListener,
    background_tasks,
    numbered_speech,
)
from tests.e2e.support.stacks import launch_quiet

LIFETIME_SECONDS = 5
# Long chunks and a long playout delay: a slow machine loses none.
FORMAT = AudioFormat(chunk_ms=500)
DELAY_MS = 2_500
# More than the delay: the last chunks heard were spoken after all rollovers.
LAST_CHUNKS = 6
ROLLED_OVER = ("rolled over", True)


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Endpoints]:
    """A stack whose connections live for seconds."""
    settings = {"CONNECTION_LIFETIME_SECONDS": str(LIFETIME_SECONDS)}
    with launch_quiet(settings=settings) as running:
        yield running


@dataclass
class Source:
    """A speaker or interpreter, and the events that it records."""

    endpoints: Endpoints
    log: EventLog = field(default_factory=EventLog)
    opened: EventLog = field(default_factory=EventLog)

    def on_notice(self, notice: Notice) -> None:
        if isinstance(notice, RolledOver):
            self.log.add(("rolled over", notice.reply.resumed))
        if isinstance(notice, Notification) and isinstance(notice.message, InterpreterLease):
            self.log.add(notice.message.reason)
        self.log.add(type(notice))

    def access(self, user: str, group: str) -> Connector:
        return Connector(
            self.endpoints.websocket_url, None, self.endpoints.token_url, user, (group,)
        )

    async def speak(self, audience: list[RecordingListener]) -> None:
        async def created(session: SessionCreated) -> None:
            self.opened.add(session.session_id)
            for listener in audience:
                await listener.log.wait_for("joined")

        async with self.access("alice", "speakers").connect() as connection:
            await speak(
                connection,
                "en",
                numbered_speech,
                audio_format=FORMAT,
                on_created=created,
                on_notice=self.on_notice,
            )

    async def interpret(self, session_id: str, language: str, *, standby: bool = False) -> None:
        async with self.access("ines", "interpreters").connect() as connection:
            await interpret(
                connection,
                session_id,
                language,
                numbered_speech,
                start=Start.FLOOR,
                standby=standby,
                hooks=Hooks(on_notice=self.on_notice),
            )


async def test_rollovers_lose_no_chunk_and_keep_the_counts(endpoints: Endpoints) -> None:
    url, operator = endpoints.websocket_url, Operator(endpoints)
    floor = [
        RecordingListener(url, "en", playout_delay_ms=DELAY_MS),
        RecordingListener(url, "es", playout_delay_ms=DELAY_MS),
    ]
    french = RecordingListener(url, "fr", playout_delay_ms=DELAY_MS)
    audience = [*floor, french]
    speaker, interpreter = Source(endpoints), Source(endpoints)
    counts: list[tuple[int, dict[str, int]]] = []

    async def count(session_id: str) -> None:
        while True:
            row = await operator.session(session_id)
            languages = {language: int(n) for language, n in row["languageCounts"].items()}
            counts.append((int(row["listenerCount"]), languages))
            await asyncio.sleep(0.05)

    async with background_tasks() as start:
        start(speaker.speak(audience))
        session_id = str(await speaker.opened.first())
        for listener in audience:
            start(listener.listen(session_id))
        for listener in audience:
            await listener.log.wait_for("joined")
        start(count(session_id))
        start(interpreter.interpret(session_id, "fr"))
        for log in (
            speaker.log,
            interpreter.log,
            *(listener.log for listener in audience),
        ):
            await log.wait_for(ROLLED_OVER)
        await asyncio.gather(*(listener.wait_for_chunks(LAST_CHUNKS) for listener in audience))
        row = await operator.session(session_id)

    for listener in floor:
        assert listener.heard == list(range(1, len(listener.heard) + 1)), "each once, in order"
    # Before the interpreter joined, the floor was heard, which counts from 1 too.
    began = max(index for index, number in enumerate(french.heard) if number == 1)
    interpreted = french.heard[began:]
    assert interpreted == list(range(1, len(interpreted) + 1)), "each once, in order"
    assert counts
    assert all(count == (3, {"en": 1, "es": 1, "fr": 1}) for count in counts)
    assert row["speakerEpoch"] >= 2
    assert row["channels"]["fr"]["epoch"] >= 2
    for listener in audience:
        assert listener.away_notices() == [], "no notice that the speaker is away"
    for source in (speaker, interpreter):
        assert not {Disconnected, Reconnected} & set(source.log.events), "no connection was lost"
        assert ("rolled over", False) not in source.log.events


async def test_a_standby_keeps_its_place_over_rollovers_and_is_promoted(
    endpoints: Endpoints,
) -> None:
    operator, french = Operator(endpoints), RecordingListener(endpoints.websocket_url, "fr")
    speaker, first, second = Source(endpoints), Source(endpoints), Source(endpoints)

    async with background_tasks() as start:
        start(speaker.speak([french]))
        session_id = str(await speaker.opened.first())
        start(french.listen(session_id))
        await french.log.wait_for("joined")
        leaving = asyncio.create_task(first.interpret(session_id, "fr"))
        await french.log.wait_for("human")
        start(second.interpret(session_id, "fr", standby=True))
        for source in (first, second):
            await source.log.wait_for(ROLLED_OVER)
        assert "promoted" not in second.log.events, "a rollover is no handover"
        row = await operator.session(session_id)
        assert len(row["channels"]["fr"]["standbys"]) >= 1
        leaving.cancel()
        await second.log.wait_for("promoted")
        await french.wait_for_chunks()
    assert ("rolled over", False) not in [*first.log.events, *second.log.events]
    assert Disconnected not in [*first.log.events, *second.log.events]
