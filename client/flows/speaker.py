"""Speaker flow: create a session, stream into it in real time, and end it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeGuard

from client.connection.reconnecting import AnyConnection
from client.errors import ClientError, SoundError
from client.flows.streaming import (
    ProgressHook,
    Streamer,
    StreamReport,
    run_until_first_ends,
)
from client.playback.capture import ChunkSource, Sleep
from client.protocol.events import (
    AudioRefused,
    Disconnected,
    Event,
    Notice,
    Notification,
    Reconnected,
    RolledOver,
)
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import RequestedInterpretation
from shared.protocol.announcement_messages import (
    ActiveAnnouncement,
    Announcement,
    AnnouncementCleared,
)
from shared.protocol.messages import (
    AudioFormatHint,
    SessionAccess,
    SessionCreated,
    SessionEnded,
    SessionStatus,
)
from shared.utils.clock import Clock, SystemClock

# How long an interrupted speaker tries to end the session.
_END_SECONDS = 3.0
# Pushed messages of interest to a speaker.
_FOR_SPEAKERS = (SessionStatus, Announcement, ActiveAnnouncement, AnnouncementCleared)

OpenSource = Callable[[AudioFormat], ChunkSource]
SessionHook = Callable[[SessionCreated], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SpeakReport:
    """Result of a broadcast; `ended_early` is the reason if the service ended the session."""

    session_id: str
    stream: StreamReport
    ended_early: str | None = None


async def speak(
    connection: AnyConnection,
    language: str,
    open_source: OpenSource,
    *,
    audio_format: AudioFormat | None = None,
    quality_tier: str = "standard",
    interpretation: RequestedInterpretation | None = None,
    access: SessionAccess = "code",
    on_created: SessionHook | None = None,
    on_progress: ProgressHook = lambda report: None,
    on_notice: Callable[[Notice], None] = lambda notice: None,
    keep_open_seconds: float = 0.0,
    end: bool = True,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> SpeakReport:
    """Broadcast one source; with `interpretation`, the service interprets it by machine.

    `on_created` runs before the first chunk: use it to share the session id (with `access="link"`,
    also the secret) and to wait for listeners. After the last chunk, the session stays open for
    `keep_open_seconds`, and at least until that chunk is delivered; `end=False` leaves it open.
    Audio captured while a reconnecting connection is down is dropped and counted. Raises
    ClientError.
    """
    session = await connection.create_session(
        language,
        quality_tier=quality_tier,
        audio_format=audio_format,
        interpretation=interpretation,
        access=access,
    )
    streamer = Streamer(
        connection,
        session.audio_format,
        clock=clock or SystemClock(),
        sleep=sleep,
        on_progress=on_progress,
    )
    reasons: list[str] = []

    async def broadcast() -> None:
        source = open_source(session.audio_format)
        if on_created is not None:
            await on_created(session)
        await streamer.run(source)
        await sleep(max(keep_open_seconds, streamer.drain_seconds))
        if end:
            await connection.end_session()

    async def watch() -> None:
        async for event in connection.events():
            if isinstance(event, AudioRefused):
                streamer.refused(event)
            elif isinstance(event, Notification) and isinstance(event.message, AudioFormatHint):
                streamer.follow(event.message)
            elif isinstance(event, Notification) and isinstance(event.message, SessionEnded):
                reasons.append(event.message.reason)
                return
            elif isinstance(event, Disconnected | Reconnected | RolledOver) or _is_for_speakers(
                event
            ):
                on_notice(event)

    try:
        await run_until_first_ends(broadcast(), watch())
    except (asyncio.CancelledError, SoundError):
        if end:  # interrupted, or a damaged file: tell the listeners that it is over
            with contextlib.suppress(ClientError, TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await connection.end_session()
        raise
    return SpeakReport(session.session_id, streamer.report, reasons[0] if reasons else None)


def _is_for_speakers(event: Event) -> TypeGuard[Notification]:
    """Return whether a pushed message is of interest to a speaker."""
    return isinstance(event, Notification) and isinstance(event.message, _FOR_SPEAKERS)
