"""The second act: a speaker whom a machine interprets, for a listener in Spanish.

The machine is the stack's own function `interpreter`, started by the session as on AWS, with the
engine that needs no network.
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

# Between two sentences, as long as speakers leave who know that they are interpreted.
_PAUSE_SECONDS = 1.5
# Until the machine has taken its seat: programs and a decoder start.
_SEATED_SECONDS = 45.0
# After the last sentence, until its translation has been heard.
_REST_SECONDS = 5.0
SENTENCES = tuple(sentence.text for sentence in STABLE)


class MachineMissingError(ClientError):
    """No machine took its seat in time."""


class Audience(Protocol):
    """Who is told what happens, as it happens."""

    def machine_ready(self) -> None:
        """The machine is the voice of Spanish."""

    def captioned(self, caption: Caption) -> None:
        """Something was said, and is there to read."""

    def speaking(self, report: StreamReport) -> None:
        """The speaker sent one more chunk."""


@dataclass(frozen=True, slots=True)
class MachinePerformance:
    """What the listener in Spanish heard and read; `captions` are the final ones of both
    languages.
    """

    sentences: int
    stats: ListenStats
    captions: list[Caption]
    file: Path

    @property
    def translated(self) -> list[Caption]:
        """The sentences that were translated and spoken."""
        return [
            caption
            for caption in self.captions
            if caption.language == INTERPRETED_LANGUAGE and caption.spoken
        ]

    @property
    def fine(self) -> bool:
        """Whether every sentence was translated, and heard to begin."""
        heard = self.stats.interpretation.sentences if self.stats.interpretation else 0
        return min(len(self.translated), heard) >= self.sentences


@dataclass(slots=True)
class _Listener:
    """A listener who reads along."""

    audience: Audience
    captions: list[Caption]
    machine: asyncio.Event = field(default_factory=asyncio.Event)

    def hooks(self) -> Hooks:
        return Hooks(on_joined=self._joined, on_notice=self._noticed, on_caption=self._read)

    def _joined(self, reply: SessionJoined) -> None:
        if reply.channel_source == "machine":
            self.machine.set()

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case Notification(message=ChannelSourceChanged(to_source="machine")):
                self.machine.set()

    def _read(self, caption: Caption) -> None:
        if caption.final:
            self.captions.append(caption)
            self.audience.captioned(caption)


class MachineAct:
    """One performance of three sentences against a running service."""

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

    async def perform(self, audience: Audience) -> MachinePerformance:
        """Play it, in real time. Raises ClientError, or an ExceptionGroup of them."""
        captions: list[Caption] = []
        listeners: list[asyncio.Task[ListenStats]] = []
        async with asyncio.TaskGroup() as group:

            async def gather(session: SessionCreated) -> None:
                """The machine comes as soon as somebody listens in its language."""
                spanish, english = (_Listener(audience, captions) for _ in range(2))
                listeners.append(
                    group.create_task(self._listen(session, INTERPRETED_LANGUAGE, spanish.hooks()))
                )
                group.create_task(self._listen(session, FLOOR_LANGUAGE, english.hooks()))
                try:
                    async with asyncio.timeout(_SEATED_SECONDS):
                        await spanish.machine.wait()
                except TimeoutError:
                    raise MachineMissingError(
                        f"no machine took its seat within {_SEATED_SECONDS:.0f} s"
                    ) from None
                audience.machine_ready()

            url = self._endpoints.token_url
            token = await fetch_token(url, "alice", ["speakers"]) if url else None
            async with connect(self._endpoints.websocket_url, token=token) as connection:
                await speak(
                    connection,
                    FLOOR_LANGUAGE,
                    _recording,
                    audio_format=self._format,
                    interpretation=RequestedInterpretation(
                        engine="offline", languages=[INTERPRETED_LANGUAGE]
                    ),
                    on_created=gather,
                    on_progress=audience.speaking,
                    keep_open_seconds=_REST_SECONDS,
                )
        captions.sort(key=lambda caption: (caption.timestamp, caption.language))
        return MachinePerformance(len(SENTENCES), listeners[0].result(), captions, self._file)

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


def _recording(audio_format: AudioFormat) -> Recording:
    """The sentences, with a pause after each."""
    pause = bytes(int(audio_format.sample_rate * _PAUSE_SECONDS) * audio_format.frame_bytes)
    said = pause.join(to_pcm(sentence.read(), audio_format) for sentence in STABLE)
    return Recording(said, audio_format)
