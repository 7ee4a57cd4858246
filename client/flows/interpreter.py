"""The interpreter's flow: hear the floor, and be the voice of another language meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from enum import StrEnum

from client.connection.reconnecting import AnyConnection
from client.errors import OffAirError, RequestRefusedError
from client.flows.listener import Hooks, OpenSink, PlaybackLoop, compare_clocks
from client.flows.speaker import OpenSource
from client.flows.streaming import (
    ProgressHook,
    Streamer,
    StreamReport,
    drain_seconds,
    run_until_first_ends,
)
from client.playback.capture import Sleep
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.playback.playout import ListenStats, NullSink, Playout
from client.protocol.events import AudioRefused, Notice, Notification
from shared.models.errors import ErrorCode
from shared.models.interpretation import Renders
from shared.utils.clock import Clock, SystemClock


class Start(StrEnum):
    """When an interpreter begins to send."""

    NOW = "now"  # as soon as the session is joined
    FLOOR = "floor"  # with the first chunk heard of the floor


@dataclass(frozen=True, slots=True)
class InterpretReport:
    """What was sent and what was heard; `ended` is the reason if the session is over."""

    stream: StreamReport
    floor: ListenStats
    ended: str | None


@dataclass(frozen=True, slots=True)
class _OnAir:
    """Sends chunks while it is this interpreter's turn."""

    connection: AnyConnection

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, renders: Renders | None = None
    ) -> None:
        """As Connection.send_audio. Raises OffAirError if somebody else is the voice."""
        state = self.connection.state
        if state is not None and not state.holds:
            raise OffAirError
        await self.connection.send_audio(seq, timestamp, audio, renders)


async def interpret(
    connection: AnyConnection,
    session_id: str,
    language: str,
    open_source: OpenSource,
    *,
    start: Start = Start.FLOOR,
    stay: bool = False,
    standby: bool = False,
    take_over: bool = False,
    open_sink: OpenSink = lambda audio_format: NullSink(),
    playout_delay_ms: float = DEFAULT_PLAYOUT_DELAY_MS,
    hooks: Hooks | None = None,
    on_progress: ProgressHook = lambda report: None,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> InterpretReport:
    """Send one source as `language`.

    Then hand over to whoever waits, and leave the session, so that its listeners fall back to the
    floor rather than to silence; with `stay` only when the session ends. With `standby` the source
    begins when it is one's turn, with `take_over` it is one's turn at once. What comes of it while
    somebody else is the voice is not sent. Raises ClientError.
    """
    hooks = hooks or Hooks()
    waits = standby or take_over
    joined = await connection.join(session_id, language, "interpreter", standby=waits)
    hooks.on_joined(joined)
    if take_over and joined.lease is not None and not joined.lease.holds:
        hooks.on_notice(Notification(await connection.take_over()))
    audio_format = joined.audio_format
    source = open_source(audio_format)
    await compare_clocks(connection)
    floor = Playout(audio_format, open_sink(audio_format), playout_delay_ms, joined.broadcast_state)
    floor_heard, on_air = asyncio.Event(), asyncio.Event()
    streamer = Streamer(
        _OnAir(connection),
        audio_format,
        clock=clock or SystemClock(),
        sleep=sleep,
        on_progress=on_progress,
    )

    def look() -> None:
        if connection.state is not None and connection.state.holds:
            on_air.set()

    def noticed(notice: Notice) -> None:
        look()
        hooks.on_notice(notice)

    def refused(event: AudioRefused) -> None:
        if event.error.code == ErrorCode.FORBIDDEN:  # the news that one is off the air are late
            streamer.report.refused += 1
        else:
            streamer.refused(event)

    hearing = PlaybackLoop(
        connection,
        floor,
        replace(hooks, on_notice=noticed),
        on_first_chunk=floor_heard.set,
        on_refused=refused,
    )

    async def voice() -> None:
        look()
        await on_air.wait()
        if start is Start.FLOOR:
            await floor_heard.wait()
        await streamer.run(source)
        await sleep(drain_seconds(audio_format))
        if stay:
            await asyncio.Event().wait()  # for the end of the session
        await _part(connection)

    try:
        await run_until_first_ends(voice(), hearing.run())
    finally:
        floor.finish()
    return InterpretReport(streamer.report, floor.stats(), hearing.ended)


async def _part(connection: AnyConnection) -> None:
    """Let whoever waits be the voice, and leave."""
    state = connection.state
    if state is not None and state.holds and state.lease is not None and state.lease.standbys:
        # That nobody waits any more is no reason to stay.
        with contextlib.suppress(RequestRefusedError):
            await connection.hand_over()
    await connection.leave()
