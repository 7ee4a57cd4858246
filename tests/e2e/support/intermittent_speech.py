"""A speaker with a sentence every few seconds, and listeners that record each chunk's source."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from cli.options import Connector
from client.connection.websocket import connect
from client.flows.speaker import speak
from client.playback.capture import ChunkSource
from client.protocol.events import AudioReceived, CaptionReceived, Notification
from interpreter.engines.scripted import hum_byte
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio, ChannelSourceChanged, SessionCreated
from tests.e2e.support.recording import EventLog

_LOUD, _QUIET = b"\x00\x20", b"\x00\x00"
_LOUD_CHUNKS, _QUIET_CHUNKS = 5, 7  # of 200 ms
_LIMIT_CHUNKS = 3_000  # ten minutes: longer than any test


@dataclass
class IntermittentSpeech:
    """A second of sound, then silence longer than a sentence of the scripted engine."""

    audio_format: AudioFormat
    live = False
    total = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        samples = self.audio_format.chunk_bytes // 2
        for number in range(_LIMIT_CHUNKS):
            loud = number % (_LOUD_CHUNKS + _QUIET_CHUNKS) < _LOUD_CHUNKS
            yield (_LOUD if loud else _QUIET) * samples


def intermittent_speech(audio_format: AudioFormat) -> ChunkSource:
    """Open the floor's sound."""
    return IntermittentSpeech(audio_format)


@dataclass
class FloorSpeaker:
    """A speaker; `opened` has the session's id."""

    endpoints: Endpoints
    opened: EventLog = field(default_factory=EventLog)

    async def speak(self) -> None:
        async def created(session: SessionCreated) -> None:
            self.opened.add(session.session_id)

        async with access(self.endpoints, "alice", "speakers").connect() as connection:
            await speak(connection, "en", intermittent_speech, on_created=created)

    async def session(self) -> str:
        return str(await self.opened.first())


def access(endpoints: Endpoints, user: str, group: str) -> Connector:
    return Connector(endpoints.websocket_url, None, endpoints.token_url, user, (group,))


@dataclass
class UnbufferedListener:
    """A listener without a jitter buffer: it records messages as they arrive."""

    endpoints: Endpoints
    language: str
    log: EventLog = field(default_factory=EventLog)
    audio: list[Audio] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)

    async def listen(self, session_id: str) -> None:
        async with connect(self.endpoints.websocket_url) as connection:
            await connection.join(session_id, self.language)
            self.log.add("joined")
            async for event in connection.events():
                match event:
                    case AudioReceived(audio=audio):
                        self._record(audio)
                    case Notification(message=ChannelSourceChanged() as change):
                        self.log.add((change.to_source, time.time()))
                        self.log.add(change.to_source)
                    case CaptionReceived(caption=caption) if caption.final:
                        self.captions.append(caption.text)
                        self.log.add(caption.text)

    def _record(self, audio: Audio) -> None:
        self.audio.append(audio)
        self.log.add(len(self.audio))

    async def wait_for_audio(self, language: str, times: int = 3) -> list[Audio]:
        """Wait for this many more chunks in a language."""
        begin = len(self.audio)
        while True:
            new = [audio for audio in self.audio[begin:] if audio.language == language]
            if len(new) >= times:
                return new
            await self.log.wait_for(len(self.audio) + 1)

    async def wait_for_source(self, source: str) -> None:
        """Wait for the next change to this source."""
        begin = len(self.log.events)
        while source not in self.log.events[begin:]:
            await self.log.next()


def is_hum(audio: Audio) -> bool:
    """Whether the scripted engine made the chunk, in the chunk's language."""
    return set(audio.audio) <= {0, hum_byte(audio.language)} and any(audio.audio)
