"""A machine as the function `interpreter` runs it: a session's own engine, and connections by its
ticket alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from client.connection.clock_offset import ClockOffset
from client.connection.reconnecting import ReconnectingConnection, reconnecting
from client.connection.transport import SessionTicket
from client.connection.websocket import Connection, connect
from client.flows.streaming import run_until_first_ends
from interpreter.engines import make_engine
from interpreter.function.run import Interpreter
from interpreter.function.run_metrics import RunMetrics
from interpreter.machine.machine import Machine
from interpreter.machine.options import Options
from interpreter.machine.report import Hooks
from shared.models.session import Session

if TYPE_CHECKING:
    from shared.utils.telemetry import Telemetry

# A new run takes over from the one before it if that does not hand over within so long (s); a
# person's turn is never taken.
_INSISTS_AFTER_SECONDS = 20.0
_LOOK_SECONDS = 0.2


class OneMachine(Protocol):
    """What of a machine matters here; see `interpreter.machine.machine`."""

    @property
    def relieved(self) -> bool:
        """Whether somebody stands by for every language that it is the voice of."""

    async def run(self) -> str | None:
        """Interpret."""

    async def retire(self) -> None:
        """Hand over, and leave."""

    async def take_over(self) -> None:
        """Become the voice wherever another machine is it."""


class MachineAtWork:
    """A machine, and what it tells of itself. `succeeds` another run if it is not the first."""

    def __init__(self, machine: OneMachine, metrics: RunMetrics, *, succeeds: bool) -> None:
        self._machine = machine
        self._metrics = metrics
        self._succeeds = succeeds

    async def run(self) -> None:
        """Interpret until the session is over, or `retire` is done. Raises as the machine does."""
        await run_until_first_ends(self._work(), self._insist())

    async def retire(self, patience_seconds: float) -> None:
        """Hand every language over at the end of a sentence, and leave: as soon as somebody stands
        by for each, or after so long. Then its listeners have the floor until somebody comes.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                while not self._machine.relieved:  # noqa: ASYNC110 - told by heartbeats
                    await asyncio.sleep(_LOOK_SECONDS)
        await self._machine.retire()

    def tell(self) -> None:
        """Write what has happened since the last time."""
        self._metrics.tell()

    async def _work(self) -> None:
        await self._machine.run()

    async def _insist(self) -> None:
        if self._succeeds:
            await asyncio.sleep(_INSISTS_AFTER_SECONDS)
            await self._machine.take_over()
        await asyncio.Event().wait()


def interpreter_over(url: str, telemetry: Telemetry) -> Interpreter:
    """What makes a machine for a session; its connections go to `url`."""

    @asynccontextmanager
    async def opened(
        session: Session, ticket: str, generation: int
    ) -> AsyncIterator[MachineAtWork]:
        assert session.interpretation is not None
        metrics = RunMetrics(session.session_id, telemetry)
        engine = make_engine(session.interpretation.engine, tier=session.quality_tier)
        try:
            machine = Machine(
                engine,
                lambda: _connection(url, SessionTicket(session.session_id, ticket)),
                Options(
                    session_id=session.session_id,
                    languages=session.interpretation.languages,
                    ticket=ticket,
                ),
                hooks=Hooks(metrics.on_news),
            )
            yield MachineAtWork(machine, metrics, succeeds=generation > 1)
        finally:
            await engine.close()

    return opened


def _connection(
    url: str, ticket: SessionTicket
) -> AbstractAsyncContextManager[ReconnectingConnection]:
    def opener(offset: ClockOffset) -> AbstractAsyncContextManager[Connection]:
        return connect(url, ticket=ticket, offset=offset)

    return reconnecting(opener)
