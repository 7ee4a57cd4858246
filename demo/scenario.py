"""What is shown: one speaker, one interpreter, listeners in three languages, all at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from client.connection.websocket import connect
from client.flows.interpreter import InterpretReport, interpret
from client.flows.listener import Hooks, listen
from client.flows.speaker import SessionHook, SpeakReport, speak
from client.flows.streaming import ProgressHook, StreamReport
from client.playback.capture import Recording
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.playback.playout import ListenStats
from client.playback.wav import WavWriter
from client.tokens.development import fetch_token
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated, SessionJoined

FORMAT = AudioFormat()
FLOOR_LANGUAGE = "en"
INTERPRETED_LANGUAGE = "es"
LANGUAGES = (FLOOR_LANGUAGE, INTERPRETED_LANGUAGE, "fr")
# The interpreter begins when the floor is first heard; the session must outlast that delay.
_INTERPRETERS_DELAY_SECONDS = 2.0


class Endpoints(Protocol):
    """Where the service is."""

    @property
    def websocket_url(self) -> str:
        """Address for clients."""

    @property
    def token_url(self) -> str | None:
        """Where tokens come from; None if the stack has no users."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one listener should have heard, and what the client counted and wrote."""

    language: str
    expected: Recording
    stats: ListenStats
    file: Path


@dataclass(frozen=True, slots=True)
class Performance:
    """How it went, for everyone."""

    speaker: SpeakReport
    interpreter: InterpretReport
    listeners: list[Outcome]


class Audience(Protocol):
    """Who is told what happens, as it happens."""

    def opened(self, session_id: str) -> None:
        """The speaker has a session."""

    def joined(self, reply: SessionJoined) -> None:
        """Somebody took a seat."""

    def complete(self, seconds: float) -> None:
        """Everyone is there; the speaker begins, and will speak for so long."""

    def speaking(self, report: StreamReport) -> None:
        """The speaker sent one more chunk."""


class Scenario:
    """One performance of two recordings, s16le in `audio_format`, against a running service."""

    def __init__(
        self,
        endpoints: Endpoints,
        floor: bytes,
        interpretation: bytes,
        directory: Path,
        *,
        audio_format: AudioFormat = FORMAT,
        playout_delay_ms: float = DEFAULT_PLAYOUT_DELAY_MS,
    ) -> None:
        self.floor = Recording(floor, audio_format)
        self.interpretation = Recording(interpretation, audio_format)
        self._format = audio_format
        self._playout_delay_ms = playout_delay_ms
        self._endpoints = endpoints
        self._directory = directory

    async def perform(self, audience: Audience) -> Performance:
        """Play it, in real time. Raises ClientError, or an ExceptionGroup of them."""
        others: list[asyncio.Task[Outcome]] = []
        interpreter: list[asyncio.Task[InterpretReport]] = []
        async with asyncio.TaskGroup() as group:

            async def gather(session: SessionCreated) -> None:
                """Everyone takes a seat before the first word."""
                audience.opened(session.session_id)
                seats = _Seats(audience.joined)
                interpreter.append(
                    group.create_task(self._interpret(session.session_id, seats.hooks()))
                )
                # Listeners learn whom they hear when they join; the interpreter comes first.
                await seats.taken()
                for language in LANGUAGES:
                    listening = self._listen(session.session_id, language, seats.hooks())
                    others.append(group.create_task(listening))
                await seats.taken()
                audience.complete(self._seconds(self.floor.total))

            speaker = await self._speak(gather, audience.speaking)
        return Performance(speaker, interpreter[0].result(), [task.result() for task in others])

    async def _speak(self, gather: SessionHook, progress: ProgressHook) -> SpeakReport:
        token = await self._token("alice", "speakers")
        longer = self._seconds(max(0, self.interpretation.total - self.floor.total))
        async with connect(self._endpoints.websocket_url, token=token) as connection:
            return await speak(
                connection,
                FLOOR_LANGUAGE,
                lambda audio_format: self.floor,
                audio_format=self._format,
                on_created=gather,
                on_progress=progress,
                keep_open_seconds=longer + _INTERPRETERS_DELAY_SECONDS,
            )

    def _seconds(self, chunks: int) -> float:
        return chunks * self._format.chunk_ms / 1000

    async def _token(self, user: str, group: str) -> str | None:
        url = self._endpoints.token_url
        return await fetch_token(url, user, [group]) if url else None

    async def _interpret(self, session_id: str, hooks: Hooks) -> InterpretReport:
        token = await self._token("carlos", "interpreters")
        async with connect(self._endpoints.websocket_url, token=token) as connection:
            return await interpret(
                connection,
                session_id,
                INTERPRETED_LANGUAGE,
                lambda audio_format: self.interpretation,
                stay=True,
                hooks=hooks,
            )

    async def _listen(self, session_id: str, language: str, hooks: Hooks) -> Outcome:
        file = self._directory / f"heard-{language}.wav"
        with contextlib.ExitStack() as files:
            async with connect(self._endpoints.websocket_url) as connection:
                stats = await listen(
                    connection,
                    session_id,
                    language,
                    open_sink=lambda audio_format: files.enter_context(
                        WavWriter(file, audio_format.sample_rate)
                    ),
                    playout_delay_ms=self._playout_delay_ms,
                    hooks=hooks,
                )
        interpreted = language == INTERPRETED_LANGUAGE
        expected = self.interpretation if interpreted else self.floor
        return Outcome(language, expected, stats, file)


class _Seats:
    """Tells when everyone who was given hooks has joined."""

    def __init__(self, announce: Callable[[SessionJoined], None]) -> None:
        self._announce = announce
        self._events: list[asyncio.Event] = []

    def hooks(self) -> Hooks:
        """Hooks for one more participant."""
        event = asyncio.Event()
        self._events.append(event)

        def joined(reply: SessionJoined) -> None:
            self._announce(reply)
            event.set()

        return Hooks(on_joined=joined)

    async def taken(self) -> None:
        """Wait for all of them."""
        for event in self._events:
            await event.wait()
