"""FanoutPlan: concurrency, retries and deadline in virtual time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.fanout.fanout_plan import FanoutPlan, PostReply
from shared.models.delivery import Outcome
from tests.helpers.depth import examples


def sent_at(plan: FanoutPlan, replies: list[PostReply]) -> list[float]:
    """Run the plan, answering with `replies` in order; returns the times of the attempts."""
    now = 0.0
    times = []
    for reply in replies:
        request = plan.take(now)
        if request is None:
            now = plan.wake_at()
            request = plan.take(now)
        if request is None:
            break
        times.append(now)
        plan.finish(request, reply, now)
    return times


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (PostReply.ACCEPTED, Outcome.SENT),
        (PostReply.GONE, Outcome.GONE),
        (PostReply.REFUSED, Outcome.FAILED),
    ],
)
def test_a_final_reply_decides_immediately(reply: PostReply, outcome: Outcome) -> None:
    plan = FanoutPlan(1, 1, deadline=1.0)
    assert sent_at(plan, [reply]) == [0.0]
    assert plan.done
    assert plan.outcomes() == [outcome]


def test_retries_after_100_ms_and_again_after_200_ms() -> None:
    plan = FanoutPlan(1, 1, deadline=1.0)
    times = sent_at(plan, [PostReply.TRY_LATER, PostReply.TRY_LATER, PostReply.ACCEPTED])
    assert times == pytest.approx([0.0, 0.1, 0.3])
    assert plan.outcomes() == [Outcome.SENT]


def test_fails_after_the_second_retry() -> None:
    plan = FanoutPlan(1, 1, deadline=1.0)
    assert len(sent_at(plan, [PostReply.TRY_LATER] * 4)) == 3
    assert plan.outcomes() == [Outcome.FAILED]


def test_drops_a_request_whose_retry_is_due_after_the_deadline() -> None:
    plan = FanoutPlan(1, 1, deadline=0.25)
    assert sent_at(plan, [PostReply.TRY_LATER, PostReply.TRY_LATER]) == pytest.approx([0.0, 0.1])
    assert plan.done
    assert plan.outcomes() == [Outcome.DROPPED]


def test_a_reset_is_retried_immediately_on_a_new_connection() -> None:
    plan = FanoutPlan(2, 1, deadline=1.0)
    assert plan.take(0.0) == 0
    assert not plan.needs_fresh_connection(0)
    plan.finish(0, PostReply.RESET, 0.0)
    assert plan.take(0.0) == 0
    assert plan.needs_fresh_connection(0)
    replies = [PostReply.TRY_LATER, PostReply.ACCEPTED, PostReply.TRY_LATER, PostReply.ACCEPTED]
    plan.finish(0, replies.pop(0), 0.0)
    assert sent_at(plan, replies) == pytest.approx([0.0, 0.1, 0.3])
    assert plan.outcomes() == [Outcome.SENT, Outcome.SENT]


def test_a_second_reset_is_a_failure() -> None:
    plan = FanoutPlan(1, 1, deadline=1.0)
    assert sent_at(plan, [PostReply.RESET] * 3) == [0.0, 0.0]
    assert plan.outcomes() == [Outcome.FAILED]


def test_a_waiting_retry_frees_its_slot() -> None:
    plan = FanoutPlan(2, 1, deadline=1.0)
    assert plan.take(0.0) == 0
    plan.finish(0, PostReply.TRY_LATER, 0.0)
    assert plan.take(0.0) == 1


def test_a_due_retry_without_a_free_slot_does_not_wake() -> None:
    plan = FanoutPlan(2, 1, deadline=1.0)
    assert plan.take(0.0) == 0
    plan.finish(0, PostReply.TRY_LATER, 0.0)
    assert plan.wake_at() == pytest.approx(0.1)
    assert plan.take(0.05) == 1
    assert plan.wake_at() == 1.0


def test_the_deadline_drops_waiting_and_in_flight_requests() -> None:
    plan = FanoutPlan(3, 1, deadline=1.0)
    assert plan.take(0.0) == 0
    assert not plan.expire(0.999)
    assert plan.expire(1.0)
    assert plan.done
    assert plan.outcomes() == [Outcome.DROPPED] * 3


def test_sends_nothing_when_the_deadline_has_passed() -> None:
    plan = FanoutPlan(1, 1, deadline=1.0)
    assert plan.take(1.0) is None


def test_refuses_a_reply_to_an_unsent_request() -> None:
    with pytest.raises(KeyError):
        FanoutPlan(1, 1, deadline=1.0).finish(0, PostReply.ACCEPTED, 0.0)


class AnyFanout(RuleBasedStateMachine):
    """The guarantees of the plan hold for any replies at any time."""

    @initialize(
        count=st.integers(0, 12),
        concurrency=st.integers(1, 12),
        deadline=st.floats(0.0, 1.5),
        live=st.booleans(),
        known_slow=st.sets(st.integers(0, 11)),
    )
    def begin(
        self, count: int, concurrency: int, deadline: float, live: bool, known_slow: set[int]
    ) -> None:
        self.count = count
        self.concurrency = concurrency
        self.deadline = deadline
        self.now = 0.0
        self.plan = FanoutPlan(count, concurrency, deadline, live=live, known_slow=known_slow)
        self.in_flight: list[int] = []
        self.attempts: Counter[int] = Counter()
        self.resets: Counter[int] = Counter()
        self.not_before: dict[int, float] = {}

    @rule()
    def send(self) -> None:
        request = self.plan.take(self.now)
        if request is None:
            return
        assert self.now < self.deadline
        assert request not in self.in_flight
        assert self.now >= self.not_before.get(request, 0.0)
        assert self.plan.needs_fresh_connection(request) == bool(self.resets[request])
        self.in_flight.append(request)
        self.attempts[request] += 1

    @precondition(lambda self: self.in_flight)
    @rule(index=st.integers(0, 3), reply=st.sampled_from(PostReply))
    def answer(self, index: int, reply: PostReply) -> None:
        request = self.in_flight.pop(index % len(self.in_flight))
        if reply is PostReply.RESET:
            self.resets[request] += 1
        elif reply in {PostReply.TRY_LATER, PostReply.THROTTLED}:
            counted = self.attempts[request] - self.resets[request]
            self.not_before[request] = self.now + 0.1 * 2 ** (counted - 1)
        self.plan.finish(request, reply, self.now)

    @rule(seconds=st.floats(0.0, 0.3))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def sleep(self) -> None:
        """Advance to `wake_at`, as the driver does when no reply arrives."""
        self.now = max(self.now, self.plan.wake_at())

    @rule()
    def look_at_the_clock(self) -> None:
        if self.plan.expire(self.now):
            assert self.now >= self.deadline
            assert self.plan.done
            self.in_flight.clear()

    @invariant()
    def keeps_its_promises(self) -> None:
        assert len(self.in_flight) <= self.concurrency
        for request, attempts in self.attempts.items():
            # Retries after 0.1, 0.3, 0.7 and 1.5 s; the deadline is at most 1.5 s.
            assert attempts - min(self.resets[request], 1) <= 4
        decided = len(self.plan.outcomes())
        assert self.plan.done == (decided == self.count)
        if self.plan.done:
            assert not self.in_flight
            assert self.plan.take(self.now) is None

    def teardown(self) -> None:
        """Every plan decides all requests and never wakes without need."""
        if not hasattr(self, "plan"):
            return
        for request in self.in_flight:
            self.plan.finish(request, PostReply.THROTTLED, self.now)
        for _ in range(5 * self.count + 2):
            while (next_request := self.plan.take(self.now)) is not None:
                self.plan.finish(next_request, PostReply.THROTTLED, self.now)
            if self.plan.done or self.plan.expire(self.now):
                break
            assert self.plan.wake_at() > self.now
            self.now = self.plan.wake_at()
        assert self.plan.done
        assert len(self.plan.outcomes()) == self.count


AnyFanout.TestCase.settings = settings(
    max_examples=examples(default=60, deep=600), stateful_step_count=60, deadline=None
)
TestAnyFanout = AnyFanout.TestCase
