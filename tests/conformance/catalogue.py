"""The behaviour that a conformance test checks, with its sources and the confidence in them.

The table in docs/parity.md is generated from the behaviours; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])

MARK = "behaviour"
_GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide"


class Confidence(Enum):
    """Strength of the evidence for AWS's behaviour."""

    DOCUMENTED = "documented"
    # Observed by others, but undocumented.
    REPORTED = "reported"
    # No evidence, or contradictory reports; the local gateway keeps the behaviour in one function.
    ASSUMED = "assumed"


class Requirement(Enum):
    """What a test requires, which determines where it can run."""

    # Any deployment of the probe or of Lingocast: the test uses only messages.
    MESSAGES = "any"
    PROBE = "probe"
    STRICT = "strict probe"
    # A gateway in this process with a manual clock.
    CLOCK = "no"
    # A gateway in this process: the probe has no HTTP API.
    PROCESS = "in process"


@dataclass(frozen=True)
class Behaviour:
    """A behaviour of AWS: one row of the table."""

    title: str
    aws: str
    sources: tuple[str, ...]
    confidence: Confidence
    requires: Requirement
    # Takes tens of seconds on AWS, where limits cannot be lowered.
    slow: bool = False


def behaviour(
    title: str,
    aws: str,
    *sources: str,
    confidence: Confidence = Confidence.DOCUMENTED,
    requires: Requirement = Requirement.PROBE,
    slow: bool = False,
) -> Callable[[Test], Test]:
    """Mark a test with its behaviour; `sources` are URLs or page names of the developer guide."""
    full = tuple(source if "://" in source else f"{_GUIDE}/{source}.html" for source in sources)
    row = Behaviour(title, aws, full, confidence, requires, slow)

    def mark(test: Test) -> Test:
        marked: Test = getattr(pytest.mark, MARK)(row)(test)
        return marked

    return mark


def behaviour_of(test: object) -> Behaviour | None:
    """The behaviour of a marked test function, or None."""
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == MARK:
            found: Behaviour = mark.args[0]
            return found
    return None
