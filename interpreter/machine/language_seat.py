"""Seat of a machine in one language: connection, lease and speech output."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from client.changes import Changes
from client.errors import ClientError, UnavailableError
from client.flows.streaming import run_until_first_ends
from client.playback.capture import Sleep
from client.protocol.events import (
    AudioReceived,
    AudioRefused,
    CaptionReceived,
    Disconnected,
    Event,
    Notification,
    Reconnected,
)
from interpreter.machine.connections import OpenConnection, SeatConnection
from interpreter.machine.options import Options
from interpreter.machine.report import (
    ConnectionLost,
    ConnectionRestored,
    Hooks,
    LeaseChanged,
    Report,
    SeatLeft,
)
from interpreter.machine.speech_output import SpeechOutput, Utterance
from interpreter.machine.timeouts import with_timeout
from shared.models.interpretation import LeaseReason, Renders
from shared.protocol.interpretation_messages import Caption, InterpreterLease, SendCaption
from shared.protocol.messages import Audio, AudioFormatHint, SessionEnded, SessionJoined

# Maximum captions waiting to be sent. Older ones are dropped, since captions that late are useless.
_MAX_CAPTIONS = 20


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Callbacks from a seat to its machine."""

    on_joined: Callable[[SessionJoined], None]
    make_output: Callable[[LanguageSeat], SpeechOutput]  # called after `on_joined`
    on_floor_audio: Callable[[Audio, float], None]
    on_lease_changed: Callable[[LanguageSeat], None]
    on_caption: Callable[[Caption], None]


class LanguageSeat:
    """A machine's seat in one language. `run` ends with the session, or after `close`."""

    def __init__(
        self,
        language: str,
        options: Options,
        open_connection: OpenConnection,
        callbacks: Callbacks,
        *,
        report: Report,
        hooks: Hooks,
        sleep: Sleep,
    ) -> None:
        self.language = language
        self.holds = False  # the lease
        self.end_reason: str | None = None  # of the session
        self.interpreted_until = 0.0  # floor time up to which another interpreter has spoken
        self._options = options
        self._open = open_connection
        self._callbacks = callbacks
        self._report = report.language(language)
        self._hooks = hooks
        self._sleep = sleep
        self._audible = True
        self._connection: SeatConnection | None = None
        self._output: SpeechOutput | None = None
        self._captions: deque[SendCaption] = deque(maxlen=_MAX_CAPTIONS)
        self._captions_changed = Changes()
        self._closing = asyncio.Event()

    def now_ms(self) -> float:
        """Current time by the server's clock."""
        assert self._connection is not None
        return self._connection.now_ms()

    @property
    def is_seated(self) -> bool:
        """Whether the connection has a seat at the moment."""
        return self._connection is not None and self._connection.state is not None

    @property
    def has_standby(self) -> bool:
        """Whether a stand-by waits for the lease, according to the last heartbeat."""
        state = self._connection.state if self._connection else None
        return state is not None and state.lease is not None and state.lease.standbys > 0

    async def send_audio(
        self,
        seq: int,
        timestamp: int,
        audio: bytes,
        renders: Renders | None = None,
        *,
        chunk_ms: int | None = None,
    ) -> None:
        """Send a chunk. Raises UnavailableError if it cannot be sent now."""
        if self._connection is None:
            raise UnavailableError
        try:
            await self._connection.send_audio(seq, timestamp, audio, renders, chunk_ms=chunk_ms)
        except ClientError:  # `run` reports a connection that is lost for good
            raise UnavailableError from None

    def queue_caption(self, caption: SendCaption) -> None:
        """Queue a caption to be sent in the background."""
        self._captions.append(caption)
        self._captions_changed.notify()

    def interpret(self, utterance: Utterance) -> None:
        """Speak an utterance, unless another interpreter holds the lease or has spoken it."""
        if self.holds and self._output and utterance.result.end_timestamp > self.interpreted_until:
            if self._audible:
                self._output.enqueue(utterance)
            else:
                self._output.skip("held")

    async def wait_drained(self) -> None:
        """Wait until all queued speech is sent."""
        if self._output is not None:
            await self._output.wait_drained()

    def close(self) -> None:
        """Leave the session and end `run`."""
        self._closing.set()

    async def run(self) -> None:
        """Join the session and work until it ends. Raises ClientError."""
        options = self._options
        try:
            async with self._open() as connection:
                self._connection = connection
                joined = await connection.join(
                    options.session_id,
                    self.language,
                    "interpreter",
                    standby=True,
                    source="machine",
                    ticket=options.ticket,
                )
                try:
                    await self._work(connection, joined)
                finally:
                    await self._leave(connection)
        finally:
            self._connection = None
            self._set_lease(holds=False, reason="left")
            self._hooks.on_news(SeatLeft(self.language))

    async def take_over(self) -> None:
        """Take the lease from another machine. Has no effect if a person holds it."""
        if self._connection is not None and not self.holds:
            with contextlib.suppress(ClientError):
                await self._connection.take_over()
            self._update_state("takenOver")

    async def hand_over(self) -> None:
        """Hand the lease over to the first stand-by, if there is one."""
        if self._connection is not None and self.holds:
            with contextlib.suppress(ClientError):
                await self._connection.hand_over()
            self._update_state("handedOver")

    async def _work(self, connection: SeatConnection, joined: SessionJoined) -> None:
        self._callbacks.on_joined(joined)
        self._output = self._callbacks.make_output(self)
        self._update_state("asked")
        await run_until_first_ends(
            self._handle_events(connection),
            self._output.run(),
            self._send_captions(connection),
            self._wait_closed(),
        )

    async def _leave(self, connection: SeatConnection) -> None:
        """Leave explicitly, so that listeners do not wait for the lease to expire."""
        if connection.state is not None:
            limit = self._options.limits.leave_seconds
            with contextlib.suppress(ClientError, TimeoutError):
                await with_timeout(self._sleep, limit, connection.leave())

    async def _wait_closed(self) -> None:
        await self._closing.wait()

    async def _handle_events(self, connection: SeatConnection) -> None:
        async for event in connection.events():
            if isinstance(event, Notification) and isinstance(event.message, SessionEnded):
                self.end_reason = event.message.reason
                return
            self._handle(event)
            self._update_state("expired" if connection.state is None else "asked")

    def _handle(self, event: Event) -> None:
        match event:
            case AudioReceived(audio=audio, received_at_ms=received_at_ms):
                self._callbacks.on_floor_audio(audio, received_at_ms)
            case AudioRefused(error=error):
                self._report.refused_chunks += 1
                if not error.retryable and self._output is not None:
                    # Another interpreter holds the lease, whatever the local state says.
                    self._output.discard("turn")
            case Notification(message=InterpreterLease(reason=reason)):
                self._update_state(reason)
            case Notification(message=AudioFormatHint(chunk_ms=chunk_ms)):
                if self._output is not None:
                    self._output.set_chunk_ms(chunk_ms)
            case Disconnected(reason=reason, seconds=seconds):
                self._hooks.on_news(ConnectionLost(self.language, reason, seconds))
            case Reconnected():
                self._hooks.on_news(ConnectionRestored(self.language))
            case CaptionReceived(caption=caption):
                self._callbacks.on_caption(caption)
            case _:
                pass

    def _update_state(self, reason: LeaseReason) -> None:
        """Adopt the lease and the broadcast state of the connection."""
        state = self._connection.state if self._connection else None
        if state is not None:
            audible = state.broadcast_state.is_broadcasting()
            if self._audible and not audible and self._output is not None:
                self._output.discard("held")
            self._audible = audible
        self._set_lease(holds=state is not None and state.holds, reason=reason)

    def _set_lease(self, *, holds: bool, reason: LeaseReason) -> None:
        if holds is self.holds:
            return
        self.holds = holds
        if self._output is not None and not holds:
            self._output.discard("turn")
        self._hooks.on_news(LeaseChanged(self.language, holds, reason))
        self._callbacks.on_lease_changed(self)

    async def _send_captions(self, connection: SeatConnection) -> None:
        limit = self._options.limits.send_seconds
        while True:
            await self._captions_changed.until(lambda: self._captions)
            with contextlib.suppress(ClientError, TimeoutError):
                sending = connection.send_caption(self._captions.popleft())
                await with_timeout(self._sleep, limit, sending)
