"""Polling of the session status while the service may be unreachable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from client.errors import UnreachableError
from interpreter.machine.connections import SeatConnection
from interpreter.machine.demand_watcher import DemandWatcher
from interpreter.machine.options import Limits, Options
from shared.models.broadcast_state import BroadcastState
from shared.protocol.messages import SessionStatus

SESSION = "golden-eagle-427"


class Time:
    """Clock that advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return round(self.now * 1000)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Service:
    """Answers a number of times, and is then unreachable."""

    def __init__(self, answers: int) -> None:
        self._answers = answers

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SeatConnection]:
        if not self._answers:
            raise UnreachableError("nothing listens there")
        yield cast(SeatConnection, self)

    async def session_status(self, *named: Any) -> SessionStatus:
        if not self._answers:
            raise UnreachableError("nothing listens there")
        self._answers -= 1
        return SessionStatus(
            session_id=SESSION,
            listener_count=1,
            language_distribution={"es": 1},
            session_duration=1,
            broadcast_state=BroadcastState(),
            timestamp=1,
            update_reason="requested",
        )


@pytest.mark.parametrize(
    ("answers", "patience", "ends_after"),
    [(5, 10.0, 10.0), (5, 60.0, 60.0), (5, 0.0, 0.0), (0, 60.0, 3.0), (0, 1.0, 1.0)],
)
async def test_watcher_gives_up_after_its_patience(
    answers: int, patience: float, ends_after: float
) -> None:
    time, statuses = Time(), list[SessionStatus]()
    options = Options(session_id=SESSION, limits=Limits(patience_seconds=patience))
    watcher = DemandWatcher(
        Service(answers).open, options, statuses.append, clock=time, sleep=time.sleep
    )

    with pytest.raises(UnreachableError):
        await watcher.run()

    assert len(statuses) == answers
    last_answer = max(answers - 1, 0) * options.limits.poll_seconds
    assert ends_after < time.now - last_answer <= ends_after + 2 * options.limits.poll_seconds
