"""One local stack for all end-to-end tests: every function, DynamoDB and sockets are real."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.stacks import launch_quiet
from tests.e2e.support.stage import Stage


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    """The stack as `make run` serves it, on ports of its own."""
    with launch_quiet() as running:
        yield running


@pytest.fixture
def stage(endpoints: Endpoints) -> Stage:
    """People with their tokens."""
    return Stage(endpoints)
