"""What is asked of which API, and what the rest is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conformance.catalogue import Behaviour, Confidence, Needs
from tests.conformance.dialects import LingocastDialect, ProbeDialect, question, recognize
from tests.conformance.selection import Deployed, from_environment, why_not

PROBE = Deployed("wss://probe", ProbeDialect())
LINGOCAST = Deployed("wss://lingocast", LingocastDialect())


def row(needs: Needs, *, slow: bool = False) -> Behaviour:
    return Behaviour("title", "what", ("https://source",), Confidence.ASSUMED, needs, slow)


@pytest.mark.parametrize(
    ("needs", "deployed", "reason"),
    [
        (Needs.MESSAGES, PROBE, ""),
        (Needs.MESSAGES, LINGOCAST, ""),
        (Needs.PROBE, PROBE, ""),
        (Needs.PROBE, LINGOCAST, "needs the probe"),
        (Needs.STRICT, PROBE, "needs the strict probe"),
        (Needs.STRICT, replace(PROBE, strict_url="wss://strict"), ""),
        (Needs.STRICT, LINGOCAST, "needs the probe"),
        (Needs.CLOCK, PROBE, "needs a clock"),
        (Needs.PROCESS, PROBE, "is about HTTP APIs"),
    ],
)
def test_what_can_be_asked(needs: Needs, deployed: Deployed, reason: str) -> None:
    answer = why_not(row(needs), deployed)
    assert answer.startswith(reason)
    assert bool(answer) == bool(reason)


def test_slow_ones_are_asked_for() -> None:
    slow = row(Needs.PROBE, slow=True)
    assert "SLOW=1" in why_not(slow, PROBE)
    assert why_not(slow, replace(PROBE, slow=True)) == ""


def test_tests_of_the_suite_itself_are_left_out() -> None:
    assert why_not(None, PROBE)


def test_without_an_address_the_suite_runs_here() -> None:
    assert from_environment({"CONFORMANCE_URL": ""}) is None


@pytest.mark.parametrize("url", ["https://probe/dev", "probe"])
def test_an_address_of_another_kind_is_refused_by_name(url: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"URL={url}: expected wss://"):
        from_environment({"CONFORMANCE_URL": url})


def test_a_token_is_never_shown() -> None:
    assert "secret" not in repr(replace(PROBE, token="secret"))


@pytest.mark.parametrize(
    ("answer", "dialect"),
    [
        ({"probe": "lingocast-conformance", "route": "$default"}, ProbeDialect),
        ({"type": "error", "code": "UNKNOWN_ACTION"}, LingocastDialect),
        ({"message": "Forbidden"}, type(None)),
    ],
)
def test_an_api_is_known_by_its_answer(answer: dict[str, object], dialect: type) -> None:
    assert type(recognize(answer)) is dialect


@pytest.mark.parametrize("size", [100, 32 * 1024, 128 * 1024])
def test_questions_have_the_size_that_is_asked_for(size: int) -> None:
    assert len(question(size)) == size
