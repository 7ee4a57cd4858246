"""Listeners that come, go, vanish and return for as long as a soak test lasts."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
from collections import Counter
from collections.abc import Mapping

from benchmarks.frame_client import FrameClient
from shared.utils.resume_token import parse_resume_token

_AUDIO = re.compile(
    rb'"sessionId":"([^"]+)","language":"([^"]+)","epoch":(\d+),"seq":(\d+),'
    rb'"timestamp":\d+,"audio":"(....)'
)
_HEARTBEAT = json.dumps({"action": "heartbeat"}).encode()
_HEARTBEAT_SECONDS = 30
# A listener that hears nothing for so long connects again, as the client does.
_SILENT_SECONDS = 15
# Chunks that are later than so many others are not waited for.
_REMEMBERED = 50
# A mean stay, and the longest pause before a listener returns (s).
_STAY_SECONDS = 120.0
_AWAY_SECONDS = 3.0
# Between attempts to join.
_RETRY_SECONDS = 1.0
_JOINS_AT_ONCE = 16
_JOIN_TIMEOUT_SECONDS = 20


def sound_of(language: str) -> bytes:
    """Three bytes that the audio of a language repeats, so that listeners recognise it."""
    return language.encode()[:1] * 3


class Heard:
    """What all listeners have received."""

    def __init__(self) -> None:
        self.chunks = 0
        #: Chunks of another session or language. It must stay empty.
        self.wrong: list[str] = []
        #: Chunks that a connection has not received, although it received earlier and later ones.
        self.missing = 0
        #: Chunks that arrived after a later one.
        self.overtaken = 0
        #: Chunks that arrived twice.
        self.repeated = 0
        #: Why connections ended, and how joins went.
        self.events: Counter[str] = Counter()


class SoakListener(FrameClient):
    """One connection of a listener, which checks every chunk."""

    def __init__(self, url: str, session_id: str, language: str, source: str, heard: Heard) -> None:
        super().__init__(url)
        self.language = language
        self.connection_id = ""
        self.lost = asyncio.get_running_loop().create_future()
        self.last_heard = asyncio.get_running_loop().time()
        self._session_id = session_id
        self._languages = {language, source}
        self._heard = heard
        # The source that it hears, the highest number of its chunks, and the lower ones missing.
        self._source = ("", "")
        self._highest = 0
        self._gaps: set[int] = set()

    def upgraded(self) -> None:
        """Join the session."""
        join = {"sessionId": self._session_id, "targetLanguage": self.language}
        self.send(json.dumps({"action": "joinSession", **join}).encode())

    def heartbeat(self) -> None:
        """Send a heartbeat."""
        self.send(_HEARTBEAT)

    def text_received(self, payload: bytes) -> None:
        """Check audio; the first other message is the reply to the join."""
        if payload.startswith(b'{"type":"audio"'):
            self._audio_received(payload)
        elif not self.ready.done():
            message = json.loads(payload)
            token = parse_resume_token(message.get("resumeToken"))
            if token is None:
                self.ready.set_exception(ConnectionError(message.get("code", "refused")))
            else:
                self.connection_id = token.connection_id
                self.ready.set_result("")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the connection."""
        super().connection_lost(exc)
        if not self.lost.done():
            self.lost.set_result(None)

    def _audio_received(self, payload: bytes) -> None:
        self.last_heard = asyncio.get_running_loop().time()
        found = _AUDIO.search(payload, 0, 400)
        assert found is not None, payload[:200]
        session_id, language, epoch, seq, mark = (part.decode() for part in found.groups())
        heard = self._heard
        heard.chunks += 1
        if (
            session_id != self._session_id
            or language not in self._languages
            or mark != base64.b64encode(sound_of(language)).decode()
        ):
            heard.wrong.append(f"{self.language} of {self._session_id} got {payload[:200]!r}")
        self._count(int(seq), (language, epoch))

    def _count(self, seq: int, source: tuple[str, str]) -> None:
        heard = self._heard
        if source != self._source:
            self._source, self._highest, self._gaps = source, seq, set()
        elif seq > self._highest:
            missing = range(self._highest + 1, seq)
            heard.missing += len(missing)
            self._gaps = {each for each in self._gaps if each > seq - _REMEMBERED}
            self._gaps.update(missing[-_REMEMBERED:])
            self._highest = seq
        elif seq in self._gaps:
            self._gaps.discard(seq)
            heard.missing -= 1
            heard.overtaken += 1
        else:
            heard.repeated += 1


class Audience:
    """A number of listeners, in languages that take turns; each returns after it has gone."""

    def __init__(
        self, url: str, session_id: str, source: str, languages: tuple[str, ...], seed: int
    ) -> None:
        self.heard = Heard()
        self._url = url
        self._session_id = session_id
        self._source = source
        self._choices = languages
        self._seed = seed
        self._slots = asyncio.Semaphore(_JOINS_AT_ONCE)
        self._open: set[SoakListener] = set()
        self._staying = False

    @property
    def members(self) -> Mapping[str, str]:
        """Languages of the open and joined listeners, by connection id."""
        return {each.connection_id: each.language for each in self._open}

    def stay(self) -> None:
        """Let nobody leave or change from now on; those who lose their connection still return."""
        self._staying = True

    async def run(self, count: int) -> None:
        """Keep so many listeners, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._guest(random.Random(f"{self._seed}/{number}")))

    async def _guest(self, chance: random.Random) -> None:
        while True:
            listener = await self._join(chance.choice(self._choices))
            if listener is not None:
                self._open.add(listener)
                try:
                    reason = await self._listen(listener, chance.expovariate(1 / _STAY_SECONDS))
                finally:
                    self._open.discard(listener)
                    listener.close()
                self.heard.events[reason] += 1
            pause = _RETRY_SECONDS if listener is None else chance.uniform(0, _AWAY_SECONDS)
            await asyncio.sleep(pause)

    async def _join(self, language: str) -> SoakListener | None:
        async with self._slots:
            listener = SoakListener(self._url, self._session_id, language, self._source, self.heard)
            try:
                await listener.open(_JOIN_TIMEOUT_SECONDS)
            except (OSError, TimeoutError) as error:
                self.heard.events[f"join failed: {error or 'timeout'}"] += 1
                listener.close()
                return None
            self.heard.events["joined"] += 1
            return listener

    async def _listen(self, listener: SoakListener, seconds: float) -> str:
        """Listen until the connection ends, falls silent, or the time is over; returns which."""
        loop = asyncio.get_running_loop()
        began, next_heartbeat = loop.time(), loop.time() + _HEARTBEAT_SECONDS
        while True:
            await asyncio.wait((listener.lost,), timeout=1)
            now = loop.time()
            if listener.lost.done():
                return "connection lost"
            if now - listener.last_heard >= _SILENT_SECONDS:
                return "fell silent"
            if now - began >= seconds and not self._staying:
                return "left"
            if now >= next_heartbeat:
                listener.heartbeat()
                next_heartbeat = now + _HEARTBEAT_SECONDS
