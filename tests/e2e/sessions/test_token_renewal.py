"""Tokens that last for seconds, during a stream: clients that renew them go on, others lose rights.

Connections roll over meanwhile, so later handshakes need a fresh token.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cli.options import Connector
from client.flows.interpreter import Start, interpret
from client.flows.listener import Hooks, listen
from client.flows.speaker import speak
from client.protocol.events import Disconnected, Notice, Reconnected, RolledOver
from client.tokens.file import TokenFile
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.operator import Operator
from tests.e2e.support.recording import (
    EventLog,
    RecordingListener,
    background_tasks,
    numbered_speech,
)
from tests.e2e.support.stacks import launch_quiet

# Clients renew after 6 s, tokens expire after 9 s, rights end after 14 s: 8 s to renew.
LIFE_SECONDS = 9
TOLERANCE_SECONDS = 5
LIFETIME_SECONDS = 24
RENEWALS = 3
FORMAT = AudioFormat(chunk_ms=500)
DELAY_MS = 2_500
# More than the delay: the last chunks heard were spoken after all renewals.
LAST_CHUNKS = 6
OURS = "https://talks.example.org"
# Fetches a token from a URL for a user.
FETCH = (
    "import json, sys, urllib.request as u;"
    "r = u.Request(sys.argv[1], json.dumps({'sub': sys.argv[2]}).encode());"
    "print(json.load(u.urlopen(r))['token'])"
)


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Endpoints]:
    """A stack with short-lived tokens and connections."""
    settings = {
        "TOKEN_TOLERANCE_SECONDS": str(TOLERANCE_SECONDS),
        "CONNECTION_LIFETIME_SECONDS": str(LIFETIME_SECONDS),
        "ALLOWED_ORIGINS": OURS,
    }
    with launch_quiet(f"--token-seconds={LIFE_SECONDS}", settings=settings) as running:
        yield running


@dataclass
class Participant:
    """A client with a token, and the events that it records."""

    log: EventLog = field(default_factory=EventLog)
    opened: EventLog = field(default_factory=EventLog)

    def on_notice(self, notice: Notice) -> None:
        self.log.add(type(notice))

    async def speak(self, access: Connector, audience: list[RecordingListener]) -> None:
        async def created(session: SessionCreated) -> None:
            self.opened.add(session.session_id)
            for listener in audience:
                await listener.log.wait_for("joined")

        async with access.connect() as connection:
            await speak(
                connection,
                "en",
                numbered_speech,
                audio_format=FORMAT,
                on_created=created,
                on_notice=self.on_notice,
            )

    async def interpret(self, access: Connector, session_id: str) -> None:
        async with access.connect() as connection:
            await interpret(
                connection,
                session_id,
                "fr",
                numbered_speech,
                start=Start.FLOOR,
                hooks=Hooks(on_notice=self.on_notice),
            )


async def listening(listener: RecordingListener, access: Connector, session_id: str) -> None:
    hooks = Hooks(lambda reply: listener.log.add("joined"), on_notice=listener.on_notice)
    async with access.connect() as connection:
        await listen(
            connection,
            session_id,
            listener.language,
            open_sink=lambda _: listener,
            playout_delay_ms=DELAY_MS,
            hooks=hooks,
        )


def keep_refresh_token(endpoints: Endpoints, path: Path) -> None:
    """Store a refresh token of the local issuer, as `make token FILE=…` does."""
    assert endpoints.token_url is not None
    wanted = {"sub": "ines", "groups": ["interpreters"], "refresh": True}
    with urllib.request.urlopen(endpoints.token_url, json.dumps(wanted).encode()) as answer:
        issued = json.load(answer)
    claims = jwt.decode(issued["token"], options={"verify_signature": False})
    TokenFile(
        endpoint=endpoints.token_url.removesuffix("token"),
        client_id=claims["client_id"],
        refresh_token=issued["refreshToken"],
    ).save(path)


async def renewals(operator: Operator, session_id: str, wanted: set[str]) -> None:
    """Wait until each of these seats has renewed its token often enough."""
    seen: dict[str, set[int]] = defaultdict(set)
    while not all(len(seen[seat]) >= RENEWALS for seat in wanted):
        for row in await operator.members(session_id):
            if until := row.get("authenticatedUntil"):
                seen[row["seat"]].add(int(until))
        await asyncio.sleep(0.1)


async def test_a_session_continues_over_three_token_renewals(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    url, token_url = endpoints.websocket_url, endpoints.token_url
    assert token_url is not None
    keep_refresh_token(endpoints, tmp_path / "tokens.json")
    command = shlex.join([sys.executable, "-c", FETCH, token_url, "lena"])
    speaking = Connector(url, None, token_url, "alice", ("speakers",))
    interpreting = Connector(url, None, None, None, token_file=tmp_path / "tokens.json")
    with_token = Connector(url, None, None, None, token_command=command)
    english, french = RecordingListener(url, "en"), RecordingListener(url, "fr")
    speaker, interpreter, operator = Participant(), Participant(), Operator(endpoints)

    async with background_tasks() as start:
        start(speaker.speak(speaking, [english, french]))
        session_id = str(await speaker.opened.first())
        start(listening(english, with_token, session_id))
        start(listening(french, Connector(url, None, None, None), session_id))
        for listener in (english, french):
            await listener.log.wait_for("joined")
        start(interpreter.interpret(interpreting, session_id))
        await renewals(operator, session_id, {"speaker#", "interpreter#fr", "listener#en"})
        for log in (speaker.log, interpreter.log):
            await log.wait_for(RolledOver)
        await english.log.wait_for(("rolled over", True))
        await asyncio.gather(
            *(listener.wait_for_chunks(LAST_CHUNKS) for listener in (english, french))
        )

    assert english.heard == list(range(1, len(english.heard) + 1)), "each once, in order"
    began = max(index for index, number in enumerate(french.heard) if number == 1)
    interpreted = french.heard[began:]
    assert interpreted == list(range(1, len(interpreted) + 1)), "each once, in order"
    assert len(english.heard) * FORMAT.chunk_ms > (LIFE_SECONDS + TOLERANCE_SECONDS) * 1000
    assert english.away_notices() == french.away_notices() == []
    for person in (speaker, interpreter):
        assert not {Disconnected, Reconnected} & set(person.log.events)


async def test_an_expired_token_ends_the_role(endpoints: Endpoints) -> None:
    clients = StackClients(endpoints)
    async with (
        clients.session() as (other, session_id),
        clients.listener(session_id) as listener,
        clients.connection("ines", "interpreters") as interpreter,
        clients.connection("olga", "operators") as operator,
        clients.connection("alice", "speakers") as speaker,
    ):
        mine = (await speaker.ask("createSession", sourceLanguage="en"))["sessionId"]
        await joined(interpreter, session_id, "es", role="interpreter")
        await listener.expect("channelSourceChanged")
        seq, beat = 0, {"type": "heartbeatAck"}
        while beat["type"] != "error":
            beat = await interpreter.ask("heartbeat")
            await asyncio.sleep(0.5)
        assert beat["code"] == "TOKEN_EXPIRED"

        token = await asyncio.to_thread(clients.token, "alice", "speakers")
        assert (await other.ask("authenticate", token=token))["type"] == "authenticated"
        changed = None
        while changed is None:
            await other.send_audio(seq)
            seq += 1
            heard = await listener.drained()
            changed = next((each for each in heard if each["type"] == "channelSourceChanged"), None)
            await asyncio.sleep(0.5)
        assert (changed["from"], changed["to"]) == ("human", "floor")

        refusals = [
            await speaker.ask("pauseBroadcast"),
            await operator.ask("announce", scope="all", message="Hello"),
            await interpreter.ask("takeOver"),
        ]
        assert {refusal["code"] for refusal in refusals} == {"TOKEN_EXPIRED"}
        await speaker.send_audio(0)
        assert (await speaker.expect("error"))["code"] == "TOKEN_EXPIRED"
        token = await asyncio.to_thread(clients.token, "alice", "speakers")
        assert (await speaker.ask("authenticate", token=token))["type"] == "authenticated"
        reply = await speaker.ask("pauseBroadcast")
        assert (reply["type"], reply["sessionId"]) == ("broadcastStateChanged", mine)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://talks.example.org"])
async def test_a_foreign_origin_is_refused(endpoints: Endpoints, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(endpoints.websocket_url, origin=origin):  # type: ignore[arg-type]
            pass
    assert refused.value.response.status_code == 403
    async with connect(endpoints.websocket_url, origin="https://TALKS.example.org"):  # type: ignore[arg-type]
        pass
