"""Selection of the tests that can run against a deployed API."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conformance.catalogue import Behaviour, Confidence, Requirement
from tests.conformance.dialects import (
    LingocastDialect,
    ProbeDialect,
    default_message,
    detect_dialect,
)
from tests.conformance.selection import Deployed, from_environment, skip_reason

PROBE = Deployed("wss://probe", ProbeDialect())
LINGOCAST = Deployed("wss://lingocast", LingocastDialect())


def row(requires: Requirement, *, slow: bool = False) -> Behaviour:
    return Behaviour("title", "what", ("https://source",), Confidence.ASSUMED, requires, slow)


@pytest.mark.parametrize(
    ("requires", "deployed", "reason"),
    [
        (Requirement.MESSAGES, PROBE, ""),
        (Requirement.MESSAGES, LINGOCAST, ""),
        (Requirement.PROBE, PROBE, ""),
        (Requirement.PROBE, LINGOCAST, "needs the probe"),
        (Requirement.STRICT, PROBE, "needs the strict probe"),
        (Requirement.STRICT, replace(PROBE, strict_url="wss://strict"), ""),
        (Requirement.STRICT, LINGOCAST, "needs the probe"),
        (Requirement.CLOCK, PROBE, "needs a manual clock"),
        (Requirement.PROCESS, PROBE, "tests HTTP APIs"),
    ],
)
def test_a_test_runs_where_its_requirement_is_met(
    requires: Requirement, deployed: Deployed, reason: str
) -> None:
    answer = skip_reason(row(requires), deployed)
    assert answer.startswith(reason)
    assert bool(answer) == bool(reason)


def test_slow_tests_are_opt_in() -> None:
    slow = row(Requirement.PROBE, slow=True)
    assert "SLOW=1" in skip_reason(slow, PROBE)
    assert skip_reason(slow, replace(PROBE, slow=True)) == ""


def test_tests_of_the_suite_itself_are_skipped() -> None:
    assert skip_reason(None, PROBE)


def test_without_a_url_the_suite_runs_locally() -> None:
    assert from_environment({"CONFORMANCE_URL": ""}) is None


@pytest.mark.parametrize("url", ["https://probe/dev", "probe"])
def test_a_url_with_another_scheme_is_a_usage_error(url: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"URL={url}: expected wss://"):
        from_environment({"CONFORMANCE_URL": url})


def test_the_repr_hides_the_token() -> None:
    assert "secret" not in repr(replace(PROBE, token="secret"))


@pytest.mark.parametrize(
    ("answer", "dialect"),
    [
        ({"probe": "lingocast-conformance", "route": "$default"}, ProbeDialect),
        ({"type": "error", "code": "UNKNOWN_ACTION"}, LingocastDialect),
        ({"message": "Forbidden"}, type(None)),
    ],
)
def test_the_dialect_is_detected_from_the_reply(answer: dict[str, object], dialect: type) -> None:
    assert type(detect_dialect(answer)) is dialect


@pytest.mark.parametrize("size", [100, 32 * 1024, 128 * 1024])
def test_default_messages_have_the_requested_size(size: int) -> None:
    assert len(default_message(size)) == size
