"""What a conformance test is about: the behaviour, how AWS shows it, and who says so.

The table in docs/parity.md is made of these, and a test compares the two.
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
    """How sure we are of what AWS does."""

    DOCUMENTED = "documented"
    # By those who saw it; no documentation says so.
    REPORTED = "reported"
    # Nobody says so, or they disagree; the local gateway keeps it behind one function.
    ASSUMED = "assumed"


class Needs(Enum):
    """What a test needs to be able to run, and so where it runs."""

    # Any deployment of the probe or of Lingocast: seen through messages alone.
    MESSAGES = "any"
    PROBE = "probe"
    STRICT = "strict probe"
    # A gateway in this process, whose clock the test moves.
    CLOCK = "no"
    # A gateway in this process: the probe has no HTTP API.
    PROCESS = "in process"


@dataclass(frozen=True)
class Behaviour:
    """One row of the table."""

    title: str
    aws: str
    sources: tuple[str, ...]
    confidence: Confidence
    needs: Needs
    # Takes tens of seconds on AWS, where limits cannot be lowered; not so locally.
    slow: bool = False


def behaviour(
    title: str,
    aws: str,
    *sources: str,
    confidence: Confidence = Confidence.DOCUMENTED,
    needs: Needs = Needs.PROBE,
    slow: bool = False,
) -> Callable[[Test], Test]:
    """Mark a test as that of a behaviour; `sources` are addresses, those of the guide by page."""
    full = tuple(source if "://" in source else f"{_GUIDE}/{source}.html" for source in sources)
    row = Behaviour(title, aws, full, confidence, needs, slow)

    def mark(test: Test) -> Test:
        marked: Test = getattr(pytest.mark, MARK)(row)(test)
        return marked

    return mark


def behaviour_of(test: object) -> Behaviour | None:
    """The behaviour that a test function is marked with."""
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == MARK:
            found: Behaviour = mark.args[0]
            return found
    return None
