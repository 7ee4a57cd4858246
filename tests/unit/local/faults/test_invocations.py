"""Faults of invocations, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from local.faults.injector import FaultInjector
from local.faults.invocations import FaultyInvoker
from local.faults.plan import (
    DisconnectLoss,
    Fault,
    FaultPlan,
    MessageDelay,
    MessageDuplicate,
    MessageReorder,
    SocketReset,
)
from local.faults.sockets import SocketFaults
from local.gateway.connections import Connections
from local.runtime.invocation import Outcome
from tests.helpers.virtual_loop import VirtualLoop, run_virtually

SERVICE_SECONDS = 0.01


class Functions:
    """Records what is invoked, and when."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.seen: list[tuple[int, int]] = []
        self._loop = loop

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        number = json.loads(payload)["number"]
        self.seen.append((number, round(self._loop.time() * 1000)))
        await asyncio.sleep(SERVICE_SECONDS)
        return Outcome(f"answer {number}".encode())


class Setting:
    """An invoker with faults, and what it invokes."""

    def __init__(self, loop: VirtualLoop, *faults: Fault) -> None:
        self.functions = Functions(loop)
        self.faults = FaultInjector(FaultPlan(1, faults), loop)
        self.invoker = FaultyInvoker(self.functions, self.faults, SocketFaults(Connections()))

    async def message(
        self, number: int, route: str = "sendAudio", connection: str = "c", **more: object
    ) -> bytes:
        context = {"routeKey": route, "connectionId": connection, "requestId": "ignored"}
        event = {"requestContext": context, "number": number, **more}
        return (await self.invoker.invoke("function", json.dumps(event).encode())).payload

    @property
    def order(self) -> list[int]:
        return [number for number, _ in self.functions.seen]


def run(test: Callable[[Setting], Coroutine[Any, Any, None]], *faults: Fault) -> None:
    async def main(loop: VirtualLoop) -> None:
        await test(Setting(loop, *faults))

    run_virtually(main)


def test_a_delayed_message_is_invoked_late() -> None:
    async def test(setting: Setting) -> None:
        assert await setting.message(1) == b"answer 1"
        assert await setting.message(2, "heartbeat") == b"answer 2"
        assert setting.functions.seen == [(1, 300), (2, 310)]

    run(test, MessageDelay(ms=300, route="sendAudio"))


def test_a_duplicate_runs_at_once_and_the_first_answer_counts() -> None:
    async def test(setting: Setting) -> None:
        assert await setting.message(1) == b"answer 1"
        await asyncio.sleep(SERVICE_SECONDS)
        assert setting.functions.seen == [(1, 0), (1, 0)]

    run(test, MessageDuplicate())


def test_a_reordered_message_is_overtaken_by_the_next_of_its_connection() -> None:
    async def test(setting: Setting) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(1, 4):
                group.create_task(
                    setting.message(number, connection="other" if number == 2 else "c")
                )
                await asyncio.sleep(0.1)
        assert setting.order == [2, 3, 1]
        assert setting.faults.occurrences("message-reorder") == 1

    run(test, MessageReorder(nth=1))


def test_a_reordered_message_that_nothing_overtakes_does_not_count() -> None:
    async def test(setting: Setting) -> None:
        assert await setting.message(1) == b"answer 1"
        assert setting.functions.seen == [(1, 500)]
        assert setting.faults.occurrences("message-reorder") == 0

    run(test, MessageReorder(ms=500))


def test_a_lost_disconnect_is_not_invoked() -> None:
    async def test(setting: Setting) -> None:
        await setting.message(1, "$disconnect")
        await setting.message(2, "heartbeat")
        assert setting.order == [2]

    run(test, DisconnectLoss())


def test_authorizers_are_spared() -> None:
    async def test(setting: Setting) -> None:
        await setting.message(1, "$connect", type="REQUEST")
        assert setting.functions.seen == [(1, 0)]

    run(test, MessageDelay(ms=100, route="$connect"))


def test_a_socket_that_is_gone_does_not_count() -> None:
    async def test(setting: Setting) -> None:
        assert await setting.message(1) == b"answer 1"
        assert setting.faults.occurrences("socket-reset") == 0

    run(test, SocketReset(on="message"))
