"""In which languages a machine sits: bounded, whatever its listeners choose."""

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
from shared.models.interpretation import MAX_INTERPRETED_LANGUAGES as MOST
from shared.protocol.messages import SessionStatus

LANGUAGES = [f"en-x-{number:02d}" for number in range(3 * MOST)]


class Polyglot:
    """An engine that can do all of them."""

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
    """Moved by a test."""

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


class Sitting:
    """A machine's seats, with time that passes by hand."""

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

    async def hear(self, distribution: dict[str, int]) -> set[str]:
        """Who is served once so many listen."""
        self.clock.now += 1
        self.seats.update(status(distribution))
        for _ in range(5):
            await asyncio.sleep(0)
        return set(self.seats.by_language)


async def test_it_sits_in_as_many_as_may_be_listed_where_most_listen() -> None:
    sitting = Sitting()
    crowd = dict.fromkeys(LANGUAGES, 1)

    served = await sitting.hear({**crowd, LANGUAGES[-1]: 2})

    assert len(served) == MOST
    assert LANGUAGES[-1] in served


async def test_who_is_served_is_not_displaced_by_as_few_listeners() -> None:
    sitting = Sitting()
    later = LANGUAGES[MOST:]
    before = await sitting.hear(dict.fromkeys(later[:MOST], 1))

    served = await sitting.hear(dict.fromkeys(LANGUAGES, 1))

    assert served == before == set(later[:MOST])


async def test_more_listeners_displace_fewer() -> None:
    sitting = Sitting()
    vandals = dict.fromkeys(LANGUAGES[:MOST], 1)
    await sitting.hear(vandals)

    served = await sitting.hear({**vandals, LANGUAGES[-1]: 2})

    assert len(served) == MOST
    assert LANGUAGES[-1] in served


@given(
    st.dictionaries(st.sampled_from(LANGUAGES), st.integers(0, 5)),
    st.sets(st.sampled_from(LANGUAGES)),
)
def test_nobody_served_has_fewer_listeners_than_somebody_left_out(
    listeners: dict[str, int], served: set[str]
) -> None:
    audience = LanguageDemand(None, linger_ms=1)
    audience.update(listeners, 0)

    chosen = audience.most_wanted(audience.languages, MOST, served)

    skipped = audience.languages - chosen
    assert len(chosen) == min(MOST, len(audience.languages))
    for inside in chosen:
        for outside in skipped:
            assert (listeners[inside], inside in served) >= (listeners[outside], outside in served)
