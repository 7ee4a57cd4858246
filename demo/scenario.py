"""Scenario of the demonstration: a speaker, an interpreter, listeners in three languages."""

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
# The interpreter starts when it first hears the floor; the session must stay open that much longer.
_INTERPRETER_DELAY_SECONDS = 2.0


class Endpoints(Protocol):
    """Addresses of the service."""

    @property
    def websocket_url(self) -> str:
        """WebSocket URL for clients."""

    @property
    def token_url(self) -> str | None:
        """URL of the token service; None if the stack has no users."""


@dataclass(frozen=True, slots=True)
class ListenerOutcome:
    """What a listener should have heard, and what the client counted and recorded."""

    language: str
    expected: Recording
    stats: ListenStats
    file: Path


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """Reports of all participants."""

    speaker: SpeakReport
    interpreter: InterpretReport
    listeners: list[ListenerOutcome]


class ScenarioObserver(Protocol):
    """Receives the events of the scenario as they happen."""

    def opened(self, session_id: str) -> None:
        """The speaker opened a session."""

    def joined(self, reply: SessionJoined) -> None:
        """A participant joined."""

    def complete(self, seconds: float) -> None:
        """All have joined; the speaker starts and speaks for `seconds`."""

    def speaking(self, report: StreamReport) -> None:
        """The speaker sent another chunk."""


class Scenario:
    """Broadcasts two recordings (s16le in `audio_format`) through a running service."""

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

    async def run(self, observer: ScenarioObserver) -> ScenarioResult:
        """Run in real time. Raises ClientError, or an ExceptionGroup of them."""
        listeners: list[asyncio.Task[ListenerOutcome]] = []
        interpreter: list[asyncio.Task[InterpretReport]] = []
        async with asyncio.TaskGroup() as group:

            async def on_created(session: SessionCreated) -> None:
                """Let all participants join before the first word."""
                observer.opened(session.session_id)
                joins = _JoinTracker(observer.joined)
                interpreter.append(
                    group.create_task(self._interpret(session.session_id, joins.hooks()))
                )
                # The interpreter joins first, so that listeners see it in their replies.
                await joins.wait()
                for language in LANGUAGES:
                    listener = self._listen(session.session_id, language, joins.hooks())
                    listeners.append(group.create_task(listener))
                await joins.wait()
                observer.complete(self._seconds(self.floor.total))

            speaker = await self._speak(on_created, observer.speaking)
        return ScenarioResult(
            speaker, interpreter[0].result(), [task.result() for task in listeners]
        )

    async def _speak(self, on_created: SessionHook, progress: ProgressHook) -> SpeakReport:
        token = await self._token("alice", "speakers")
        extra_seconds = self._seconds(max(0, self.interpretation.total - self.floor.total))
        async with connect(self._endpoints.websocket_url, token=token) as connection:
            return await speak(
                connection,
                FLOOR_LANGUAGE,
                lambda audio_format: self.floor,
                audio_format=self._format,
                on_created=on_created,
                on_progress=progress,
                keep_open_seconds=extra_seconds + _INTERPRETER_DELAY_SECONDS,
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

    async def _listen(self, session_id: str, language: str, hooks: Hooks) -> ListenerOutcome:
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
        return ListenerOutcome(language, expected, stats, file)


class _JoinTracker:
    """Waits until all participants with hooks have joined."""

    def __init__(self, announce: Callable[[SessionJoined], None]) -> None:
        self._announce = announce
        self._events: list[asyncio.Event] = []

    def hooks(self) -> Hooks:
        """Hooks for another participant."""
        event = asyncio.Event()
        self._events.append(event)

        def joined(reply: SessionJoined) -> None:
            self._announce(reply)
            event.set()

        return Hooks(on_joined=joined)

    async def wait(self) -> None:
        """Wait for all participants."""
        for event in self._events:
            await event.wait()
