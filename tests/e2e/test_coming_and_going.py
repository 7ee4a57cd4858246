"""Five hundred who come, switch, vanish without $disconnect and return: all are counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest_asyncio

from infrastructure.config import stage_config
from local import processes
from local.access import Access
from local.local_stack import LocalStack, Options
from tests.e2e.grant_scenarios import eventually
from tests.e2e.operator import Operator
from tests.e2e.stage import Stage, joined
from tests.helpers.wire import Wire

LISTENERS = 500
LANGUAGES = ("es", "fr", "de", "ja")
AT_ONCE = 25
DISCONNECT = stage_config("dev").resource_name("disconnect")

_Item = TypeVar("_Item")


async def gently(do: Callable[[_Item], Awaitable[None]], items: Iterable[_Item]) -> None:
    """Do it for all, a few at a time."""
    lanes = asyncio.Semaphore(AT_ONCE)

    async def one(item: _Item) -> None:
        async with lanes:
            await do(item)

    await asyncio.gather(*map(one, items))


@dataclass
class Crowd:
    """A running stack, and who listens there in which language."""

    stage: Stage
    operator: Operator
    access: Access
    opened: AsyncExitStack
    listening: dict[Wire, str] = field(default_factory=dict)

    async def come(self, session_id: str, count: int) -> None:
        """So many join."""

        async def one(number: int) -> None:
            listener = await self.opened.enter_async_context(self.stage.connection())
            language = LANGUAGES[number % len(LANGUAGES)]
            await joined(listener, session_id, language)
            self.listening[listener] = language

        await gently(one, range(count))

    async def switch(self, who: Iterable[Wire]) -> None:
        """Each hears the next language from now on."""

        async def one(listener: Wire) -> None:
            language = LANGUAGES[(LANGUAGES.index(self.listening[listener]) + 1) % len(LANGUAGES)]
            reply = await listener.ask("changeLanguage", targetLanguage=language)
            assert reply["type"] == "languageChanged", reply
            self.listening[listener] = language

        await gently(one, who)

    async def vanish(self, who: list[Wire]) -> None:
        """They are cut off, and nothing comes of their $disconnect."""
        policies = self.access.policies
        whole = policies.statements(DISCONNECT)
        policies.denials.clear()
        policies.replace(DISCONNECT, ())
        try:
            for listener in who:
                listener.socket.transport.abort()
                del self.listening[listener]

            async def all_came_to_nothing() -> bool:
                denied = [item for item in policies.denials if item.function == DISCONNECT]
                return len(denied) >= len(who)

            await eventually(all_came_to_nothing)
        finally:
            policies.replace(DISCONNECT, whole)

    async def heartbeat(self) -> None:
        """Who is there says so."""

        async def one(listener: Wire) -> None:
            assert (await listener.ask("heartbeat"))["type"] == "heartbeatAck"

        await gently(one, list(self.listening))

    async def are_counted(self, session_id: str) -> bool:
        """Whether the session's counters are the truth."""
        session = await self.operator.session(session_id)
        counts = {name: int(count) for name, count in session["languageCounts"].items() if count}
        truth = Counter(self.listening.values())
        return int(session["listenerCount"]) == truth.total() and counts == dict(truth)


@pytest_asyncio.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Crowd]:
    """Over a stack in this process, so that a function's rights can be taken away."""
    processes.allow_many_connections()
    stack = LocalStack(Options(state=tmp_path, schedule_seconds=3_600))
    endpoints = await stack.start()
    assert stack.access is not None
    try:
        async with AsyncExitStack() as opened:
            yield Crowd(Stage(endpoints), Operator(endpoints), stack.access, opened)
    finally:
        await stack.stop()


async def test_the_counters_of_five_hundred_are_the_truth_in_the_end(crowd: Crowd) -> None:
    async with crowd.stage.session() as (speaker, session_id):
        await crowd.come(session_id, LISTENERS)
        assert await crowd.are_counted(session_id)

        await crowd.switch(list(crowd.listening)[::3])
        assert await crowd.are_counted(session_id)

        await crowd.vanish(list(crowd.listening)[::5])
        await crowd.come(session_id, LISTENERS // 10)
        # Nobody has said that they went: they count as there until they have been silent.
        assert not await crowd.are_counted(session_id)

        for language in LANGUAGES:
            await crowd.operator.silent(session_id, f"listener#{language}", seconds=130)
        await crowd.heartbeat()
        await crowd.operator.tick()

        await eventually(lambda: crowd.are_counted(session_id))
        await speaker.ask("heartbeat")
