"""Interpreter flow: listen to the floor and send audio in another language."""

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
    run_until_first_ends,
)
from client.playback.capture import Sleep
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.playback.playout import ListenStats, NullSink, Playout
from client.protocol.events import AudioRefused, Notice, Notification
from shared.models.errors import ErrorCode
from shared.protocol.messages import AudioFormatHint
from shared.utils.clock import Clock, SystemClock


class Start(StrEnum):
    """When an interpreter starts to send."""

    NOW = "now"  # after joining
    FLOOR = "floor"  # at the first chunk of the floor


@dataclass(frozen=True, slots=True)
class InterpretReport:
    """Statistics of an interpreter; `ended` is the reason if the session has ended."""

    stream: StreamReport
    floor: ListenStats
    ended: str | None


@dataclass(frozen=True, slots=True)
class _OnAirSender:
    """Sends chunks while this interpreter holds the channel."""

    connection: AnyConnection

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, *, chunk_ms: int | None = None
    ) -> None:
        """As Connection.send_audio. Raises OffAirError while another interpreter is on air."""
        state = self.connection.state
        if state is not None and not state.holds:
            raise OffAirError
        await self.connection.send_audio(seq, timestamp, audio, chunk_ms=chunk_ms)


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
    """Send one source as the interpretation into `language`.

    After the source ends, hand over to a stand-by and leave the session, so that listeners fall
    back to the floor instead of silence; with `stay`, remain until the session ends. With
    `standby`, the source starts once this interpreter holds the channel; with `take_over`, it
    takes over the channel at once. Chunks captured while another interpreter is on air are not
    sent. Raises ClientError.
    """
    hooks = hooks or Hooks()
    as_standby = standby or take_over
    joined = await connection.join(session_id, language, "interpreter", standby=as_standby)
    hooks.on_joined(joined)
    if take_over and joined.lease is not None and not joined.lease.holds:
        hooks.on_notice(Notification(await connection.take_over()))
    audio_format = joined.audio_format
    source = open_source(audio_format)
    await compare_clocks(connection)
    floor = Playout(audio_format, open_sink(audio_format), playout_delay_ms, joined.broadcast_state)
    floor_heard, on_air = asyncio.Event(), asyncio.Event()
    streamer = Streamer(
        _OnAirSender(connection),
        audio_format,
        clock=clock or SystemClock(),
        sleep=sleep,
        on_progress=on_progress,
    )

    def check_on_air() -> None:
        if connection.state is not None and connection.state.holds:
            on_air.set()

    def on_notice(notice: Notice) -> None:
        check_on_air()
        if isinstance(notice, Notification) and isinstance(notice.message, AudioFormatHint):
            streamer.follow(notice.message)
        hooks.on_notice(notice)

    def on_refused(event: AudioRefused) -> None:
        if event.error.code == ErrorCode.FORBIDDEN:  # the lease message is still on its way
            streamer.count_refused()
        else:
            streamer.refused(event)

    playback = PlaybackLoop(
        connection,
        floor,
        replace(hooks, on_notice=on_notice),
        on_first_chunk=floor_heard.set,
        on_refused=on_refused,
    )

    async def send_source() -> None:
        check_on_air()
        await on_air.wait()
        if start is Start.FLOOR:
            await floor_heard.wait()
        await streamer.run(source)
        await sleep(streamer.drain_seconds)
        if stay:
            await asyncio.Event().wait()  # until the session ends and this task is cancelled
        await _hand_over_and_leave(connection)

    try:
        await run_until_first_ends(send_source(), playback.run())
    finally:
        floor.finish()
    return InterpretReport(streamer.report, floor.stats(), playback.ended)


async def _hand_over_and_leave(connection: AnyConnection) -> None:
    """Hand the channel over to a stand-by, if there is one, and leave the session."""
    state = connection.state
    if state is not None and state.holds and state.lease is not None and state.lease.standbys:
        # The stand-by may have left meanwhile; leave anyway.
        with contextlib.suppress(RequestRefusedError):
            await connection.hand_over()
    await connection.leave()
