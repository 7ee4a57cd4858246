"""Listener flow: join a session in a language and play it through a jitter buffer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from client.connection.reconnecting import AnyConnection
from client.errors import ClientError
from client.playback.jitter import DEFAULT_PLAYOUT_DELAY_MS
from client.playback.playout import ListenStats, NullSink, Playout, Sink
from client.protocol.captions import CaptionOutcome, CaptionTrack
from client.protocol.events import (
    AudioReceived,
    AudioRefused,
    CaptionReceived,
    CaptionRefused,
    CaughtUp,
    Disconnected,
    Event,
    Notice,
    Notification,
    Reconnected,
)
from shared.models.audio_format import AudioFormat
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import SessionEnded, SessionJoined

OpenSink = Callable[[AudioFormat], Sink]
# Interval of progress reports while nothing arrives.
_TICK_SECONDS = 0.5


@dataclass(slots=True)
class Hooks:
    """Callbacks for a user interface. All do nothing by default."""

    on_joined: Callable[[SessionJoined], None] = lambda joined: None
    on_progress: Callable[[Playout], None] = lambda playout: None
    on_notice: Callable[[Notice], None] = lambda notice: None
    on_caption: Callable[[Caption], None] = lambda caption: None


@dataclass(slots=True)
class PlaybackLoop:
    """Plays a session until it ends. After cancellation, call `playout.finish()`."""

    connection: AnyConnection
    playout: Playout
    hooks: Hooks = field(default_factory=Hooks)
    on_first_chunk: Callable[[], None] = lambda: None
    on_refused: Callable[[AudioRefused], None] = lambda refused: None
    ended: str | None = None  # the reason, once the session has ended
    captions: CaptionTrack = field(default_factory=CaptionTrack)
    _heard_any: bool = False

    async def run(self, seconds: float | None = None) -> None:
        """Play until the session ends, or for `seconds`. Raises ConnectionLostError."""
        connection, playout = self.connection, self.playout
        until_ms = None if seconds is None else connection.now_ms() + seconds * 1000
        while self.ended is None:
            now_ms = connection.now_ms()
            if until_ms is not None and now_ms >= until_ms:
                break
            waits = [until_ms, playout.next_due_ms, now_ms + _TICK_SECONDS * 1000]
            wake_ms = min(time for time in waits if time is not None)
            event = await connection.next_event(max(wake_ms - now_ms, 0) / 1000)
            if connection.state is not None:
                playout.apply(connection.state.broadcast_state)
            if event is not None:
                self._handle(event)
            playout.advance(connection.now_ms())
            for interruption in playout.interruptions.take_ended():
                self.hooks.on_notice(interruption)
            self.hooks.on_progress(playout)
        playout.finish()

    def _handle(self, event: Event) -> None:
        match event:
            case AudioReceived():
                self.playout.push(event)
                if not self._heard_any:
                    self._heard_any = True
                    self.on_first_chunk()
            case CaptionReceived(caption=caption):
                if self.captions.push(caption) is not CaptionOutcome.STALE:
                    self.hooks.on_caption(caption)
            case AudioRefused():
                self.on_refused(event)
            case CaptionRefused():
                pass  # of no interest to a listener
            case _:
                self.hooks.on_notice(event)
                self._note(event)

    def _note(self, notice: Notice) -> None:
        interruptions, now_ms = self.playout.interruptions, self.connection.now_ms()
        match notice:
            case Notification(message=SessionEnded(reason=reason)):
                self.ended = reason
            case Disconnected():
                interruptions.lost(now_ms)
            case Reconnected(reply=reply):
                interruptions.reconnected(now_ms, recovered=reply.recovered is True)
            case CaughtUp():
                interruptions.lost(now_ms)
                interruptions.reconnected(now_ms, recovered=False)
            case _:
                pass


async def compare_clocks(connection: AnyConnection) -> None:
    """Send a heartbeat to estimate the clock offset.

    Failures are ignored: they only make latencies less precise.
    """
    try:
        await connection.heartbeat()
    except ClientError:
        return


async def listen(
    connection: AnyConnection,
    session_id: str,
    language: str,
    *,
    open_sink: OpenSink = lambda audio_format: NullSink(),
    playout_delay_ms: float = DEFAULT_PLAYOUT_DELAY_MS,
    seconds: float | None = None,
    hooks: Hooks | None = None,
) -> ListenStats:
    """Listen to a session until it ends, or for `seconds`. Raises ClientError."""
    hooks = hooks or Hooks()
    joined = await connection.join(session_id, language)
    hooks.on_joined(joined)
    await compare_clocks(connection)
    playout = Playout(
        joined.audio_format,
        open_sink(joined.audio_format),
        playout_delay_ms,
        joined.broadcast_state,
    )
    try:
        await PlaybackLoop(connection, playout, hooks).run(seconds)
    finally:
        playout.finish()  # also after a cancellation or a lost connection
    return playout.stats()
