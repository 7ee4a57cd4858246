"""The booth of one language: a connection with a seat, the lease that it holds or waits for, and
the voice that speaks from it.
"""

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
from interpreter.machine.report import Hooks, LeaseNews, Left, OutOfReach, Report, WithinReach
from interpreter.machine.speech_output import SpeechOutput, Utterance
from interpreter.machine.timeouts import within
from shared.models.interpretation import LeaseReason, Renders
from shared.protocol.interpretation_messages import Caption, InterpreterLease, SendCaption
from shared.protocol.messages import Audio, SessionEnded, SessionJoined

# Captions that cannot be sent faster than they come are of no use to readers.
_CAPTIONS_WAITING = 20


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a booth tells the machine that it is part of."""

    joined: Callable[[SessionJoined], None]
    voice: Callable[[Booth], SpeechOutput]  # made once the session is known
    floor: Callable[[Audio, float], None]
    turned: Callable[[Booth], None]  # the lease was got or lost
    captioned: Callable[[Caption], None]


class Booth:
    """One language's place. `run` ends when the session does, or after `close`."""

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
        self.holds = False
        self.ended: str | None = None  # why the session is over
        self.cut = 0.0  # floor time up to which somebody else has interpreted
        self._options = options
        self._open = open_connection
        self._callbacks = callbacks
        self._account = report.of(language)
        self._hooks = hooks
        self._sleep = sleep
        self._audible = True
        self._connection: SeatConnection | None = None
        self._voice: SpeechOutput | None = None
        self._captions: deque[SendCaption] = deque(maxlen=_CAPTIONS_WAITING)
        self._captioned = Changes()
        self._closing = asyncio.Event()

    def now_ms(self) -> float:
        """The time by the server's clock."""
        assert self._connection is not None
        return self._connection.now_ms()

    @property
    def is_away(self) -> bool:
        """Whether it has no seat at the moment."""
        return self._connection is None or self._connection.state is None

    @property
    def relieved(self) -> bool:
        """Whether somebody stands by for the lease, as the last sign of life was answered."""
        state = self._connection.state if self._connection else None
        return state is not None and state.lease is not None and state.lease.standbys > 0

    async def send_audio(
        self, seq: int, timestamp: int, audio: bytes, renders: Renders | None = None
    ) -> None:
        """Send a chunk. Raises UnavailableError if it cannot be sent now."""
        if self._connection is None:
            raise UnavailableError
        try:
            await self._connection.send_audio(seq, timestamp, audio, renders)
        except ClientError:  # that the connection is lost for good, `run` finds out
            raise UnavailableError from None

    def caption(self, caption: SendCaption) -> None:
        """Send a caption by and by."""
        self._captions.append(caption)
        self._captioned.notify()

    def say(self, utterance: Utterance) -> None:
        """Interpret this, if it is this booth's turn and was not interpreted by somebody else."""
        if self.holds and self._voice and utterance.heard.end_timestamp > self.cut:
            if self._audible:
                self._voice.say(utterance)
            else:
                self._voice.pass_over("held")

    async def drained(self) -> None:
        """Wait until all is said."""
        if self._voice is not None:
            await self._voice.drained()

    def close(self) -> None:
        """Leave, and end."""
        self._closing.set()

    async def run(self) -> None:
        """Sit down, and work until it is over. Raises ClientError."""
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
            self._turn(holds=False, reason="left")
            self._hooks.on_news(Left(self.language))

    async def take_over(self) -> None:
        """Become the voice, if another machine is it; of a person it is not taken."""
        if self._connection is not None and not self.holds:
            with contextlib.suppress(ClientError):
                await self._connection.take_over()
            self._look("takenOver")

    async def hand_over(self) -> None:
        """Let whoever waits be the voice, if somebody does."""
        if self._connection is not None and self.holds:
            with contextlib.suppress(ClientError):
                await self._connection.hand_over()
            self._look("handedOver")

    async def _work(self, connection: SeatConnection, joined: SessionJoined) -> None:
        self._callbacks.joined(joined)
        self._voice = self._callbacks.voice(self)
        self._look("asked")
        await run_until_first_ends(
            self._follow(connection),
            self._voice.run(),
            self._send_captions(connection),
            self._closed(),
        )

    async def _leave(self, connection: SeatConnection) -> None:
        """Give the seat up, so that listeners do not wait for the lease to run out."""
        if connection.state is not None:
            limit = self._options.limits.leave_seconds
            with contextlib.suppress(ClientError, TimeoutError):
                await within(self._sleep, limit, connection.leave())

    async def _closed(self) -> None:
        await self._closing.wait()

    async def _follow(self, connection: SeatConnection) -> None:
        async for event in connection.events():
            if isinstance(event, Notification) and isinstance(event.message, SessionEnded):
                self.ended = event.message.reason
                return
            self._handle(event)
            self._look("expired" if connection.state is None else "asked")

    def _handle(self, event: Event) -> None:
        match event:
            case AudioReceived(audio=audio, received_at_ms=received_at_ms):
                self._callbacks.floor(audio, received_at_ms)
            case AudioRefused(error=error):
                self._account.refused_chunks += 1
                if not error.retryable and self._voice is not None:
                    self._voice.hush("turn")  # somebody else is the voice, whatever we know
            case Notification(message=InterpreterLease(reason=reason)):
                self._look(reason)
            case Disconnected(reason=reason, seconds=seconds):
                self._hooks.on_news(OutOfReach(self.language, reason, seconds))
            case Reconnected():
                self._hooks.on_news(WithinReach(self.language))
            case CaptionReceived(caption=caption):
                self._callbacks.captioned(caption)
            case _:
                pass

    def _look(self, reason: LeaseReason) -> None:
        """See whose turn it is, and whether anything may be heard."""
        state = self._connection.state if self._connection else None
        if state is not None:
            audible = state.broadcast_state.is_broadcasting()
            if self._audible and not audible and self._voice is not None:
                self._voice.hush("held")
            self._audible = audible
        self._turn(holds=state is not None and state.holds, reason=reason)

    def _turn(self, *, holds: bool, reason: LeaseReason) -> None:
        if holds is self.holds:
            return
        self.holds = holds
        if self._voice is not None and not holds:
            self._voice.hush("turn")
        self._hooks.on_news(LeaseNews(self.language, holds, reason))
        self._callbacks.turned(self)

    async def _send_captions(self, connection: SeatConnection) -> None:
        limit = self._options.limits.send_seconds
        while True:
            await self._captioned.until(lambda: self._captions)
            with contextlib.suppress(ClientError, TimeoutError):
                await within(self._sleep, limit, connection.send_caption(self._captions.popleft()))
