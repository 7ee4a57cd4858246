"""Number and choice of a machine's seats."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from interpreter.engine import Engine
from interpreter.machine.demand_watcher import LanguageDemand
from interpreter.machine.language_seat import LanguageSeat
from interpreter.machine.language_seats import LanguageSeats
from interpreter.machine.options import Limits, Options
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation import MAX_INTERPRETED_LANGUAGES as MAX
from shared.protocol.messages import SessionStatus

LANGUAGES = [f"en-x-{number:02d}" for number in range(3 * MAX)]


class Polyglot:
    """An engine that supports all languages of the test."""

    def targets(self, source: str) -> frozenset[str]:
        return frozenset(LANGUAGES)


class SilentSeat:
    """A seat that is kept until it is closed."""

    end_reason: str | None = None

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    async def run(self) -> None:
        await self._closed.wait()

    def close(self) -> None:
        self._closed.set()


class Clock:
    """Clock moved by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return round(self.now * 1000)


def status(distribution: dict[str, int]) -> SessionStatus:
    return SessionStatus(
        session_id="golden-eagle-427",
        listener_count=sum(distribution.values()),
        language_distribution=distribution,
        session_duration=0,
        broadcast_state=BroadcastState(),
        timestamp=0,
        update_reason="requested",
    )


class SeatsHarness:
    """A machine's seats with a manual clock."""

    def __init__(self) -> None:
        self.clock = Clock()

        def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
            return asyncio.get_running_loop().create_task(work)

        self.seats = LanguageSeats(
            cast("Engine", Polyglot()),
            Options(session_id="golden-eagle-427", limits=Limits(linger_seconds=0.5)),
            lambda language: cast("LanguageSeat", SilentSeat()),
            start,
            lambda reason: None,
            clock=self.clock,
            sleep=asyncio.sleep,
        )
        self.seats.set_floor_language("en")

    async def serve(self, distribution: dict[str, int]) -> set[str]:
        """Languages served after a change of the listeners."""
        self.clock.now += 1
        self.seats.update(status(distribution))
        for _ in range(5):
            await asyncio.sleep(0)
        return set(self.seats.by_language)


async def test_seats_are_limited_to_the_languages_with_most_listeners() -> None:
    harness = SeatsHarness()
    crowd = dict.fromkeys(LANGUAGES, 1)

    served = await harness.serve({**crowd, LANGUAGES[-1]: 2})

    assert len(served) == MAX
    assert LANGUAGES[-1] in served


async def test_a_served_language_keeps_its_seat_on_a_tie() -> None:
    harness = SeatsHarness()
    later = LANGUAGES[MAX:]
    before = await harness.serve(dict.fromkeys(later[:MAX], 1))

    served = await harness.serve(dict.fromkeys(LANGUAGES, 1))

    assert served == before == set(later[:MAX])


async def test_a_language_with_more_listeners_displaces_one_with_fewer() -> None:
    harness = SeatsHarness()
    earlier = dict.fromkeys(LANGUAGES[:MAX], 1)
    await harness.serve(earlier)

    served = await harness.serve({**earlier, LANGUAGES[-1]: 2})

    assert len(served) == MAX
    assert LANGUAGES[-1] in served


@given(
    st.dictionaries(st.sampled_from(LANGUAGES), st.integers(0, 5)),
    st.sets(st.sampled_from(LANGUAGES)),
)
def test_no_served_language_has_fewer_listeners_than_an_unserved_one(
    listeners: dict[str, int], served: set[str]
) -> None:
    demand = LanguageDemand(None, linger_ms=1)
    demand.update(listeners, 0)

    chosen = demand.most_wanted(demand.languages, MAX, served)

    skipped = demand.languages - chosen
    assert len(chosen) == min(MAX, len(demand.languages))
    for inside in chosen:
        for outside in skipped:
            assert (listeners[inside], inside in served) >= (listeners[outside], outside in served)
