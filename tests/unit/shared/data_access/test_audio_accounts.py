"""The account of a source's audio: one row, any number of writers, times of any clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.data_access.audio_accounts import Account, AudioAccounts, Charge
from shared.data_access.table import Table
from shared.models import schema
from shared.models.connection import Connection
from shared.services.audio_pace import Accounts
from tests.helpers.fake_accounts import FakeAccounts
from tests.helpers.tables import CONNECTIONS, connections_repository, dynamodb, moto_tables

T0 = 1_700_000_000_000


def charge(at: int, amount: int = 200, *, start: int | None = None) -> Charge:
    """Audio that arrived until `at` ms, refused when 2 s ahead, absurd when 3 s ahead."""
    since = at if start is None else start
    return Charge(T0 + since, amount, T0 + at + 2_000 + amount, T0 + at + 3_000)


def table() -> Table:
    return Table(dynamodb(), CONNECTIONS, schema.CONNECTION_ID)


@pytest.fixture(params=["real", "fake"])
def accounts(request: pytest.FixtureRequest) -> Iterator[Accounts]:
    if request.param == "fake":
        yield FakeAccounts()
        return
    with moto_tables():
        connections_repository().register(Connection("c1", None, T0, T0))
        yield AudioAccounts(table())


def test_charges_add_up(accounts: Accounts) -> None:
    assert accounts.charge("c1", charge(0), None) == Account(T0 + 200, charged=True)
    assert accounts.charge("c1", charge(100), T0 + 200) == Account(T0 + 400, charged=True)


def test_what_others_charged_counts_whatever_one_knows(accounts: Accounts) -> None:
    accounts.charge("c1", charge(0), None)
    for known in (None, T0 - 5_000, T0 + 50, T0 + 99_000):
        before = accounts.charge("c1", charge(100), known)
        assert before is not None
        assert before.charged
    assert accounts.charge("c1", charge(100), None) == Account(T0 + 1_200, charged=True)


def test_silence_earns_no_credit(accounts: Accounts) -> None:
    accounts.charge("c1", charge(0), None)
    assert accounts.charge("c1", charge(600_000), None) == Account(T0 + 600_200, charged=True)


def test_too_far_ahead_is_refused_and_costs_nothing(accounts: Accounts) -> None:
    account = None
    for _ in range(20):
        known = account.covered_until if account else None
        account = accounts.charge("c1", charge(0), known)
    assert account == Account(T0 + 2_200, charged=False)
    assert accounts.charge("c1", charge(200), None) == Account(T0 + 2_400, charged=True)


def test_a_clock_that_was_set_back_starts_anew(accounts: Accounts) -> None:
    accounts.charge("c1", charge(10_000), None)
    assert accounts.charge("c1", charge(0), T0 + 10_200) == Account(T0 + 200, charged=True)


def test_a_connection_that_is_gone_has_no_account_and_gets_no_row() -> None:
    with moto_tables():
        assert AudioAccounts(table()).charge("c1", charge(0), None) is None
        assert table().get("c1") is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(-500, 4_000),
            st.integers(50, 1_500),
            st.integers(0, 1_500),
            st.one_of(st.none(), st.integers(-5_000, 5_000)),
        ),
        max_size=12,
    )
)
def test_the_fake_is_like_the_real_one(
    steps: list[tuple[int, int, int, int | None]],
) -> None:
    fake = FakeAccounts()
    with moto_tables():
        connections_repository().register(Connection("c1", None, T0, T0))
        real, now = AudioAccounts(table()), 0
        for step, amount, age, known in steps:
            now += step
            one = charge(now, amount, start=now - age)
            believed = None if known is None else T0 + now + known
            assert real.charge("c1", one, believed) == fake.charge("c1", one, believed)
