"""FanoutPlan under 429: slow recipients and throttling of the account, in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.fanout.fanout_plan import FanoutPlan, PostReply
from shared.models.delivery import Outcome
from shared.utils.token_bucket import Budget, TokenBucket
from tests.helpers.depth import examples

_ANSWER_SECONDS = 0.005

Answer = Callable[[int, float], PostReply]


class Run:
    """A plan driven to its end; each answer takes 5 ms."""

    def __init__(self, plan: FanoutPlan, answer: Answer) -> None:
        self.now = 0.0
        self.posts: list[int] = []
        self.most_in_flight: list[int] = []
        in_flight: list[tuple[float, int]] = []
        while not plan.done:
            while (request := plan.take(self.now)) is not None:
                self.posts.append(request)
                heapq.heappush(in_flight, (self.now + _ANSWER_SECONDS, request))
            self.most_in_flight.append(len(in_flight))
            self.now = min([plan.wake_at(), *(at for at, _ in in_flight)])
            while in_flight and in_flight[0][0] <= self.now:
                _, request = heapq.heappop(in_flight)
                plan.finish(request, answer(request, self.now), self.now)
            if plan.expire(self.now):
                break
        self.outcomes = plan.outcomes()


def refuse(slow: set[int]) -> Answer:
    return lambda request, _: PostReply.THROTTLED if request in slow else PostReply.ACCEPTED


def account(per_second: int, burst: int) -> Answer:
    budget = Budget(per_second, burst)
    bucket = TokenBucket.full(budget, 0)

    def answer(_: int, now: float) -> PostReply:
        taken = bucket.take(budget, int(now * 1000))
        return PostReply.ACCEPTED if taken else PostReply.THROTTLED

    return answer


@settings(max_examples=examples(default=40, deep=400), deadline=None)
@given(count=st.integers(1, 300), slow=st.sets(st.integers(0, 299), max_size=4))
def test_few_slow_recipients_delay_no_one(count: int, slow: set[int]) -> None:
    slow &= set(range(count))
    run = Run(FanoutPlan(count, 20, 0.4, live=True), refuse(slow))
    without = Run(FanoutPlan(count, 20, 0.4, live=True), refuse(set()))
    assert len(run.posts) == count
    assert run.now == without.now
    assert {n for n, outcome in enumerate(run.outcomes) if outcome is Outcome.SLOW} == slow
    assert run.outcomes.count(Outcome.SENT) == count - len(slow)


def test_a_control_message_is_retried_for_a_slow_recipient() -> None:
    run = Run(FanoutPlan(3, 3, 5.0), refuse({1}))
    assert run.posts == [0, 1, 2, 1, 1]
    assert run.outcomes == [Outcome.SENT, Outcome.SLOW, Outcome.SENT]


@pytest.mark.parametrize("live", [True, False])
def test_throttling_of_the_account_is_retried_within_the_deadline(live: bool) -> None:
    run = Run(FanoutPlan(400, 100, 1.2, live=live), account(per_second=500, burst=300))
    assert set(run.outcomes) == {Outcome.SENT}
    assert run.now < 1.2


@pytest.mark.parametrize("deadline", [0.4, 1.2])
def test_throttling_beyond_the_deadline_is_reported_as_such(deadline: float) -> None:
    run = Run(FanoutPlan(1_000, 100, deadline, live=True), account(per_second=500, burst=100))
    assert set(run.outcomes) == {Outcome.SENT, Outcome.THROTTLED}
    # Backing off must not waste the account's capacity.
    assert run.outcomes.count(Outcome.SENT) >= 0.8 * (100 + 500 * deadline)
    assert run.now <= deadline


def test_fewer_posts_are_in_flight_while_the_account_is_throttled() -> None:
    run = Run(FanoutPlan(3_000, 100, 1.0, live=True), account(per_second=1_000, burst=200))
    assert run.most_in_flight[0] == 100
    assert min(run.most_in_flight) <= 20


def test_recipients_known_as_slow_are_no_sign_of_throttling() -> None:
    slow = set(range(50))
    run = Run(FanoutPlan(100, 20, 0.4, live=True, known_slow=slow), refuse(slow))
    assert len(run.posts) == 100
    assert run.outcomes == [Outcome.SLOW] * 50 + [Outcome.SENT] * 50


def test_slow_recipients_are_reported_at_the_deadline() -> None:
    plan = FanoutPlan(2, 2, 0.4, live=True)
    assert (plan.take(0.0), plan.take(0.0)) == (0, 1)
    plan.finish(0, PostReply.THROTTLED, 0.1)
    assert not plan.done
    assert plan.expire(0.4)
    assert plan.outcomes() == [Outcome.SLOW, Outcome.DROPPED]
