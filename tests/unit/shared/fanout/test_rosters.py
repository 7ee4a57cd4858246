"""RosterCache: refreshes beside the fan-out, and expiry."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.fanout.rosters import Roster, RosterCache
from shared.models.connection import Seat
from tests.helpers.doubles import ManualClock


class Beside(Executor):
    """An executor that runs its tasks when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except StoreUnavailableError as error:
                future.set_exception(error)

        self.waiting.append(run)
        return future

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop()()


@dataclass
class Source:
    """A source of rosters of growing size, so that reads can be told apart."""

    reads: int = 0
    down: bool = False
    sizes: list[int] = field(default_factory=list)

    def of(self, _session_id: str, seat: Seat | None = None) -> Roster:
        if self.down:
            raise StoreUnavailableError("query: down")
        self.reads += 1
        seat = seat or Seat("listener", "es")
        return Roster.of((f"c{number}", seat) for number in range(self.reads))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def beside() -> Beside:
    return Beside()


@pytest.fixture
def cache(source: Source, beside: Beside, clock: ManualClock) -> RosterCache:
    return RosterCache(source, beside, clock)


def chunk(cache: RosterCache, beside: Beside) -> int:
    """Use the roster for one chunk; returns the number of recipients."""
    size = len(cache.of("s").members())
    beside.run()
    cache.wait_for_refreshes()
    return size


def test_fresh_roster_is_used_without_a_read(
    cache: RosterCache, beside: Beside, source: Source, clock: ManualClock
) -> None:
    for _ in range(5):
        assert chunk(cache, beside) == 1
        clock.advance(199)
    assert source.reads == 1


def test_due_roster_serves_one_more_chunk_during_the_refresh(
    cache: RosterCache, beside: Beside, clock: ManualClock
) -> None:
    chunk(cache, beside)
    clock.advance(1_000)

    assert chunk(cache, beside) == 1
    assert chunk(cache, beside) == 2


def test_age_counts_from_the_start_of_the_read(
    cache: RosterCache, beside: Beside, source: Source, clock: ManualClock
) -> None:
    chunk(cache, beside)
    clock.advance(1_000)
    chunk(cache, beside)
    clock.advance(1_000)
    chunk(cache, beside)

    assert source.reads == 3


def test_expired_roster_is_read_before_use(
    cache: RosterCache, beside: Beside, clock: ManualClock
) -> None:
    chunk(cache, beside)
    clock.advance(1_500)

    assert chunk(cache, beside) == 2


def test_failed_refresh_is_tolerated_until_the_roster_expires(
    cache: RosterCache, beside: Beside, source: Source, clock: ManualClock
) -> None:
    chunk(cache, beside)
    source.down = True
    clock.advance(1_200)

    assert chunk(cache, beside) == 1
    clock.advance(300)
    with pytest.raises(StoreUnavailableError):
        cache.of("s")
    source.down = False
    assert chunk(cache, beside) == 2


def test_gone_member_is_removed_immediately(cache: RosterCache, beside: Beside) -> None:
    chunk(cache, beside)
    cache.forget("s", "c0")
    cache.forget("other", "c0")

    assert chunk(cache, beside) == 0


def test_gone_member_is_removed_from_every_roster_of_the_session(
    cache: RosterCache, source: Source
) -> None:
    spanish = Seat("listener", "es")
    cache.of("s")
    cache.of("s", spanish)

    cache.forget("s", "c0")

    assert cache.of("s").members() == []
    assert cache.of("s", spanish).members() == ["c1"]
    assert source.reads == 2


def test_rosters_of_seats_are_refreshed_one_by_one(
    cache: RosterCache, beside: Beside, source: Source, clock: ManualClock
) -> None:
    spanish, french = Seat("listener", "es"), Seat("listener", "fr")
    cache.of("s", spanish)
    clock.advance(600)
    cache.of("s", french)
    clock.advance(600)

    cache.of("s", spanish)
    cache.of("s", french)
    beside.run()
    cache.wait_for_refreshes()

    assert source.reads == 3
    assert len(cache.of("s", spanish).members()) == 3
    assert set(cache.of("s", french).by_seat) == {french}


def test_cache_is_bounded(cache: RosterCache, source: Source) -> None:
    for number in range(300):
        cache.of(f"s{number}")
    cache.of("s299")
    assert source.reads == 300

    cache.of("s0")
    assert source.reads == 301
