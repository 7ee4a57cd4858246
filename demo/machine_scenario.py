"""Scenario with a machine interpreter: three sentences for a listener in Spanish.

The machine is the stack's `interpreter` function, started by the session as on AWS, with the
offline engine.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from client.connection.websocket import connect
from client.errors import ClientError
from client.flows.listener import Hooks, listen
from client.flows.speaker import speak
from client.flows.streaming import StreamReport
from client.playback.capture import Recording
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.playback.playout import ListenStats, NullSink, Sink
from client.playback.wav import WavWriter
from client.protocol.events import Notice, Notification
from client.sound.whole import to_pcm
from client.tokens.development import fetch_token
from demo.scenario import FLOOR_LANGUAGE, FORMAT, INTERPRETED_LANGUAGE, Endpoints
from demo.sentences import STABLE
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import RequestedInterpretation
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import ChannelSourceChanged, SessionCreated, SessionJoined

# Pause between sentences, as speakers leave for interpreters.
_PAUSE_SECONDS = 1.5
# Allows the machine to start its programs and decoder and take its seat.
_MACHINE_START_SECONDS = 45.0
# Lets listeners hear the translation of the last sentence.
_KEEP_OPEN_SECONDS = 5.0
SENTENCES = tuple(sentence.text for sentence in STABLE)


class MachineMissingError(ClientError):
    """The machine did not take its seat in time."""


class ScenarioObserver(Protocol):
    """Receives the events of the scenario as they happen."""

    def machine_ready(self) -> None:
        """The machine started to interpret into Spanish."""

    def captioned(self, caption: Caption) -> None:
        """A final caption arrived."""

    def speaking(self, report: StreamReport) -> None:
        """The speaker sent another chunk."""


@dataclass(frozen=True, slots=True)
class MachineResult:
    """What the listener in Spanish heard; `captions` are the final ones of both languages."""

    sentences: int
    stats: ListenStats
    captions: list[Caption]
    file: Path

    @property
    def translated(self) -> list[Caption]:
        """Captions of the sentences that were translated and spoken."""
        return [
            caption
            for caption in self.captions
            if caption.language == INTERPRETED_LANGUAGE and caption.spoken
        ]

    @property
    def passed(self) -> bool:
        """Whether every sentence was translated and its first sound heard."""
        heard = self.stats.interpretation.sentences if self.stats.interpretation else 0
        return min(len(self.translated), heard) >= self.sentences


@dataclass(slots=True)
class _Listener:
    """Collects captions, and signals when the machine interprets."""

    observer: ScenarioObserver
    captions: list[Caption]
    machine_joined: asyncio.Event = field(default_factory=asyncio.Event)

    def hooks(self) -> Hooks:
        return Hooks(
            on_joined=self._on_joined, on_notice=self._on_notice, on_caption=self._on_caption
        )

    def _on_joined(self, reply: SessionJoined) -> None:
        if reply.channel_source == "machine":
            self.machine_joined.set()

    def _on_notice(self, notice: Notice) -> None:
        match notice:
            case Notification(message=ChannelSourceChanged(to_source="machine")):
                self.machine_joined.set()

    def _on_caption(self, caption: Caption) -> None:
        if caption.final:
            self.captions.append(caption)
            self.observer.captioned(caption)


class MachineScenario:
    """Speaks three sentences in a session with a machine interpreter."""

    def __init__(
        self,
        endpoints: Endpoints,
        directory: Path,
        *,
        audio_format: AudioFormat = FORMAT,
        playout_delay_ms: float = DEFAULT_PLAYOUT_DELAY_MS,
    ) -> None:
        self._endpoints = endpoints
        self._format = audio_format
        self._file = directory / f"heard-{INTERPRETED_LANGUAGE}-machine.wav"
        self._playout_delay_ms = playout_delay_ms

    async def run(self, observer: ScenarioObserver) -> MachineResult:
        """Run in real time. Raises ClientError, or an ExceptionGroup of them."""
        captions: list[Caption] = []
        listeners: list[asyncio.Task[ListenStats]] = []
        async with asyncio.TaskGroup() as group:

            async def on_created(session: SessionCreated) -> None:
                """Join listeners: the machine starts when its language has a listener."""
                spanish, english = (_Listener(observer, captions) for _ in range(2))
                listeners.append(
                    group.create_task(self._listen(session, INTERPRETED_LANGUAGE, spanish.hooks()))
                )
                group.create_task(self._listen(session, FLOOR_LANGUAGE, english.hooks()))
                try:
                    async with asyncio.timeout(_MACHINE_START_SECONDS):
                        await spanish.machine_joined.wait()
                except TimeoutError:
                    raise MachineMissingError(
                        f"no machine joined within {_MACHINE_START_SECONDS:.0f} s"
                    ) from None
                observer.machine_ready()

            url = self._endpoints.token_url
            token = await fetch_token(url, "alice", ["speakers"]) if url else None
            async with connect(self._endpoints.websocket_url, token=token) as connection:
                await speak(
                    connection,
                    FLOOR_LANGUAGE,
                    _load_sentences,
                    audio_format=self._format,
                    interpretation=RequestedInterpretation(
                        engine="offline", languages=[INTERPRETED_LANGUAGE]
                    ),
                    on_created=on_created,
                    on_progress=observer.speaking,
                    keep_open_seconds=_KEEP_OPEN_SECONDS,
                )
        captions.sort(key=lambda caption: (caption.timestamp, caption.language))
        return MachineResult(len(SENTENCES), listeners[0].result(), captions, self._file)

    async def _listen(self, session: SessionCreated, language: str, hooks: Hooks) -> ListenStats:
        with contextlib.ExitStack() as files:

            def sink(audio_format: AudioFormat) -> Sink:
                if language != INTERPRETED_LANGUAGE:
                    return NullSink()
                return files.enter_context(WavWriter(self._file, audio_format.sample_rate))

            async with connect(self._endpoints.websocket_url) as connection:
                return await listen(
                    connection,
                    session.session_id,
                    language,
                    open_sink=sink,
                    playout_delay_ms=self._playout_delay_ms,
                    hooks=hooks,
                )


def _load_sentences(audio_format: AudioFormat) -> Recording:
    """The sentences, separated by pauses."""
    pause = bytes(int(audio_format.sample_rate * _PAUSE_SECONDS) * audio_format.frame_bytes)
    said = pause.join(to_pcm(sentence.read(), audio_format) for sentence in STABLE)
    return Recording(said, audio_format)
