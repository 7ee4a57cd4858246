"""Audio accounts: one row, many writers, any clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.data_access.audio_accounts import Account, AudioAccounts, Charge
from shared.data_access.table import Table
from shared.models import schema
from shared.models.connection import Connection
from shared.services.audio.audio_pace import Accounts
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.database.tables import CONNECTIONS, connections_repository, dynamodb, moto_tables
from tests.helpers.fake_accounts import FakeAccounts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T0 = 1_700_000_000_000


def charge(at: int, amount: int = 200, *, start: int | None = None) -> Charge:
    """Charge for audio that arrived by `at` ms: refused 2 s ahead, absurd 3 s ahead."""
    since = at if start is None else start
    return Charge(T0 + since, amount, T0 + at + 2_000 + amount, T0 + at + 3_000)


def believed(covered_until: int, *, shared: bool = False) -> Account:
    """Result of the caller's last charge."""
    return Account(T0 + covered_until, charged=True, shared=shared)


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
    first = accounts.charge("c1", charge(0))
    assert first == Account(T0 + 200, charged=True)
    assert accounts.charge("c1", charge(100), first) == Account(T0 + 400, charged=True)


def test_charges_of_other_instances_count(accounts: Accounts) -> None:
    accounts.charge("c1", charge(0))
    for last in (None, believed(-5_000), believed(50), believed(99_000), believed(50, shared=True)):
        account = accounts.charge("c1", charge(100), last)
        assert account is not None
        assert (account.charged, account.shared) == (True, True)
    assert accounts.charge("c1", charge(100)) == Account(T0 + 1_400, charged=True, shared=True)


def test_silence_earns_no_credit(accounts: Accounts) -> None:
    first = accounts.charge("c1", charge(0))
    assert accounts.charge("c1", charge(600_000), first) == Account(T0 + 600_200, charged=True)


def test_a_charge_too_far_ahead_is_refused_at_no_cost(accounts: Accounts) -> None:
    account = None
    for _ in range(20):
        account = accounts.charge("c1", charge(0), account)
    assert account == Account(T0 + 2_200, charged=False)
    assert accounts.charge("c1", charge(200), account) == Account(T0 + 2_400, charged=True)


def test_a_clock_that_was_set_back_restarts_the_account(accounts: Accounts) -> None:
    first = accounts.charge("c1", charge(10_000))
    assert accounts.charge("c1", charge(0), first) == Account(T0 + 200, charged=True)


def test_a_caller_with_the_right_balance_needs_one_request() -> None:
    with moto_tables():
        client = CountingClient()
        connections_repository().register(Connection("c1", None, T0, T0))
        counted = Table(cast("DynamoDBClient", client), CONNECTIONS, schema.CONNECTION_ID)
        accounts, account = AudioAccounts(counted), None
        for second in range(20):
            account = accounts.charge("c1", charge(second * 1_000, 990), account)
    assert client.requests == {"update_item": 20}


def test_a_gone_connection_has_no_account_and_gets_no_row() -> None:
    with moto_tables():
        assert AudioAccounts(table()).charge("c1", charge(0)) is None
        assert table().get("c1") is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(-500, 4_000),
            st.integers(50, 1_500),
            st.integers(0, 1_500),
            st.one_of(st.none(), st.tuples(st.integers(-5_000, 5_000), st.booleans())),
        ),
        max_size=12,
    )
)
def test_the_fake_behaves_like_the_real_one(
    steps: list[tuple[int, int, int, tuple[int, bool] | None]],
) -> None:
    fake = FakeAccounts()
    with moto_tables():
        connections_repository().register(Connection("c1", None, T0, T0))
        real, now = AudioAccounts(table()), 0
        for step, amount, age, belief in steps:
            now += step
            one = charge(now, amount, start=now - age)
            last = belief and believed(now + belief[0], shared=belief[1])
            assert real.charge("c1", one, last) == fake.charge("c1", one, last)
