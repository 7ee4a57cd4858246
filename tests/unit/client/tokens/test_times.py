"""Remaining life of a token, whatever its claims and this machine's clock."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.tokens.times import HeldToken, TokenTimes
from tests.unit.client.jwts import jwt_of, jwt_saying
from tests.unit.client.support import T0

ISSUED = T0 // 1000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def held(life: float = 3_600, since: float = 0.0) -> HeldToken:
    return HeldToken.of(jwt_saying(iat=ISSUED, exp=ISSUED + life), since)


@given(st.integers(0, 253_402_300_000), st.integers(0, 10**6))
def test_what_a_token_says_is_read(issued: int, life: int) -> None:
    exp = min(issued + life, 253_402_300_000)

    assert TokenTimes.of(jwt_saying(iat=issued, exp=exp)) == TokenTimes(issued, exp)


@given(st.text() | st.binary().map(lambda data: f"a.{base64.b64encode(data).decode()}.c"))
def test_any_text_is_read(text: str) -> None:
    assert HeldToken.of(text, 0.0).remaining(1.0, T0) in {None, TokenTimes.of(text).expires_at}


@given(JSON, JSON, JSON)
def test_any_claims_are_read(claims: object, iat: object, exp: object) -> None:
    for said in (claims, {"iat": iat, "exp": exp}):
        times = TokenTimes.of(jwt_of(said))
        for time in (times.issued_at, times.expires_at):
            assert time is None or 0 <= time < 253_402_387_200


def test_depth_is_no_matter() -> None:
    part = base64.urlsafe_b64encode(b"[" * 200_000).decode()

    assert TokenTimes.of(f"x.{part}.y") == TokenTimes()


@pytest.mark.parametrize(
    "exp", [True, "1700000000", None, [], -1, 1e300, float("inf"), float("nan"), 10**400]
)
def test_what_is_no_time_is_none(exp: object) -> None:
    text = json.dumps({"exp": exp})
    part = base64.urlsafe_b64encode(text.encode()).decode()

    assert TokenTimes.of(f"x.{part}.y").expires_at is None


def test_a_right_clock_and_age_agree() -> None:
    token = held()

    for passed in (0, 1, 3_599, 3_600, 4_000):
        assert token.remaining(passed, T0 + 1000 * passed) == 3_600 - passed


@pytest.mark.parametrize("wrong_ms", [-86_400_000, -3_700_000, 3_700_000, 86_400_000])
def test_a_clock_that_cannot_be_right_is_not_believed(wrong_ms: int) -> None:
    assert held().remaining(600, T0 + 600_000 + wrong_ms) == 3_000


def test_a_token_that_was_old_when_it_came_ends_by_the_clock() -> None:
    # Half of its life was over.
    assert held().remaining(600, T0 + 1_800_000 + 600_000) == 1_200


@given(st.floats(0, 10_000), st.floats(-1e7, 1e7))
def test_no_clock_makes_a_token_live_longer_than_it_can(passed: float, wrong_ms: float) -> None:
    remaining = held().remaining(passed, T0 + 1000 * passed + wrong_ms)

    assert remaining is not None
    assert remaining <= 3_600 - passed + 1e-6


def test_without_a_time_of_issue_the_clock_decides_if_it_can() -> None:
    token = HeldToken.of(jwt_saying(exp=ISSUED + 100), 0.0)

    assert token.remaining(10, T0 + 10_000) == 90
    assert token.remaining(10, T0 + 10**7) is None
    assert HeldToken.of("opaque", 0.0).remaining(10, T0) is None


def test_the_lead_and_the_retries_are_shares_of_the_life_and_bounded() -> None:
    day, seconds = held(43_200), held(9)

    assert (day.lead, seconds.lead) == (600, 3)
    assert [seconds.retry_delay(n) for n in (1, 2, 3)] == [0.375, 0.75, 1.5]
    assert day.retry_delay(1) == day.retry_delay(10**6) == 60
