"""Machines of the interpreter function, with the session's engine and ticket."""

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
from interpreter.function.run import OpenInterpreter
from interpreter.function.run_metrics import RunMetrics
from interpreter.machine.machine import Machine
from interpreter.machine.options import Options
from interpreter.machine.report import Hooks
from shared.models.session import Session

if TYPE_CHECKING:
    from shared.utils.telemetry import Telemetry

# A successor takes the channels over if its predecessor does not hand them over in this time. It
# never takes a channel from a person.
_TAKE_OVER_AFTER_SECONDS = 20.0
_POLL_SECONDS = 0.2


class RunnableMachine(Protocol):
    """The part of `interpreter.machine.machine.Machine` that a run uses."""

    @property
    def has_standby(self) -> bool:
        """Whether a stand-by waits for every lease the machine holds."""

    async def run(self) -> str | None:
        """Interpret."""

    async def retire(self) -> None:
        """Hand over, and leave."""

    async def take_over(self) -> None:
        """Take every channel that another machine holds."""


class MachineRun:
    """A machine and its metrics. `is_successor` is false in a session's first run."""

    def __init__(
        self, machine: RunnableMachine, metrics: RunMetrics, *, is_successor: bool
    ) -> None:
        self._machine = machine
        self._metrics = metrics
        self._is_successor = is_successor

    async def run(self) -> None:
        """Interpret until the session ends or `retire` is done. Raises like `Machine.run`."""
        await run_until_first_ends(self._work(), self._take_over_when_late())

    async def retire(self, patience_seconds: float) -> None:
        """Hand every language over at the end of a sentence, and leave.

        Waits up to `patience_seconds` for a stand-by in each language. Without a stand-by,
        listeners hear the floor until an interpreter joins.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                while not self._machine.has_standby:  # noqa: ASYNC110 - set by heartbeats
                    await asyncio.sleep(_POLL_SECONDS)
        await self._machine.retire()

    def flush_metrics(self) -> None:
        """Write the metrics collected since the last flush."""
        self._metrics.flush()

    async def _work(self) -> None:
        await self._machine.run()

    async def _take_over_when_late(self) -> None:
        if self._is_successor:
            await asyncio.sleep(_TAKE_OVER_AFTER_SECONDS)
            await self._machine.take_over()
        await asyncio.Event().wait()


def interpreter_factory(url: str, telemetry: Telemetry) -> OpenInterpreter:
    """Create a factory of session interpreters that connect to `url`."""

    @asynccontextmanager
    async def open_interpreter(
        session: Session, ticket: str, generation: int
    ) -> AsyncIterator[MachineRun]:
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
            yield MachineRun(machine, metrics, is_successor=generation > 1)
        finally:
            await engine.close()

    return open_interpreter


def _connection(
    url: str, ticket: SessionTicket
) -> AbstractAsyncContextManager[ReconnectingConnection]:
    def opener(offset: ClockOffset) -> AbstractAsyncContextManager[Connection]:
        return connect(url, ticket=ticket, offset=offset)

    return reconnecting(opener)
