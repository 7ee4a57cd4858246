"""The interpreter's flow: hear the floor, and be the voice of another language meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from client.capture import Sleep
from client.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.lasting import AnyConnection
from client.listener import Hearing, Hooks, OpenSink, compare_clocks
from client.playout import ListenStats, NullSink, Playout
from client.speaker import OpenSource
from client.streaming import ProgressHook, Streamer, StreamReport, either, settle_seconds
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


async def interpret(
    connection: AnyConnection,
    session_id: str,
    language: str,
    open_source: OpenSource,
    *,
    start: Start = Start.FLOOR,
    stay: bool = False,
    open_sink: OpenSink = lambda audio_format: NullSink(),
    playout_delay_ms: float = DEFAULT_PLAYOUT_DELAY_MS,
    hooks: Hooks | None = None,
    on_progress: ProgressHook = lambda report: None,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> InterpretReport:
    """Send one source as `language`.

    Then leave the session, so that its listeners fall back to the floor rather than to silence;
    with `stay` only when the session ends. Raises ClientError.
    """
    hooks = hooks or Hooks()
    joined = await connection.join(session_id, language, "interpreter")
    hooks.on_joined(joined)
    audio_format = joined.audio_format
    source = open_source(audio_format)
    await compare_clocks(connection)
    floor = Playout(audio_format, open_sink(audio_format), playout_delay_ms, joined.broadcast_state)
    floor_heard = asyncio.Event()
    streamer = Streamer(
        connection,
        audio_format,
        clock=clock or SystemClock(),
        sleep=sleep,
        on_progress=on_progress,
    )
    hearing = Hearing(
        connection,
        floor,
        hooks,
        on_first_chunk=floor_heard.set,
        on_refused=streamer.refused,
    )

    async def voice() -> None:
        if start is Start.FLOOR:
            await floor_heard.wait()
        await streamer.run(source)
        await sleep(settle_seconds(audio_format))
        if stay:
            await asyncio.Event().wait()  # for the end of the session
        await connection.leave()

    try:
        await either(voice(), hearing.run())
    finally:
        floor.finish()
    return InterpretReport(streamer.report, floor.stats(), hearing.ended)
