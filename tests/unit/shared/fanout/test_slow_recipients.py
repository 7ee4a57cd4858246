"""SlowRecipients: who is slow, and who is skipped, in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fanout.slow_recipients import SlowRecipients
from shared.models.delivery import Outcome


@pytest.mark.parametrize(("refusal", "times"), [(Outcome.SLOW, 2), (Outcome.THROTTLED, 6)])
def test_a_recipient_refused_several_times_in_a_row_is_skipped_for_a_second(
    refusal: Outcome, times: int
) -> None:
    recipients = SlowRecipients()
    for _ in range(times - 1):
        recipients.note([("a", refusal), ("b", Outcome.SENT)], 0.0)
    assert (recipients.slow(), recipients.skipped(0.0)) == (set(), set())
    recipients.note([("a", refusal), ("b", Outcome.SENT)], 0.2)
    assert (recipients.slow(), recipients.skipped(1.19)) == ({"a"}, {"a"})
    assert (recipients.slow(), recipients.skipped(1.2)) == ({"a"}, set())
    recipients.note([("a", refusal)], 1.2)
    assert recipients.skipped(2.19) == {"a"}


@pytest.mark.parametrize("end", [Outcome.SENT, Outcome.GONE])
def test_a_recipient_that_reads_again_is_not_slow(end: Outcome) -> None:
    recipients = SlowRecipients()
    recipients.note([("a", Outcome.SLOW)] * 2, 0.0)
    recipients.note([("a", end)], 1.0)
    recipients.note([("a", Outcome.SLOW)], 1.2)
    assert (recipients.slow(), recipients.skipped(1.2)) == (set(), set())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Outcome))))
def test_skipped_recipients_are_slow(outcomes: list[tuple[str, Outcome]]) -> None:
    recipients = SlowRecipients()
    for now, outcome in enumerate(outcomes):
        recipients.note([outcome], now / 4)
        assert recipients.skipped(now / 4) <= recipients.slow()


def test_remembers_a_bounded_number_of_recipients() -> None:
    recipients = SlowRecipients()
    for number in range(10_000):
        recipients.note([(str(number), Outcome.SLOW)] * 2, 0.0)
    assert len(recipients.slow()) == 4_096
    assert "9999" in recipients.slow()
