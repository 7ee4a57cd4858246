"""Local stacks for end-to-end tests: every function, DynamoDB and all sockets are real.

Starting one takes about five CPU seconds, so tests share these unless their settings or their
outages would disturb others.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.endpoints import Endpoints
from tests.e2e.support import short_limits
from tests.e2e.support.clients import StackClients
from tests.e2e.support.stacks import launch_quiet


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    """The stack as `make run` serves it, on ports of its own."""
    with launch_quiet() as running:
        yield running


@pytest.fixture(scope="session")
def many_workers() -> Iterator[Endpoints]:
    """A stack with three warm workers of each function: concurrent requests meet different ones."""
    with launch_quiet("--workers=3") as running:
        yield running


@pytest.fixture(scope="session")
def short_limited() -> Iterator[Endpoints]:
    """A stack with small shards, a short grace period and short runs of the interpreter."""
    with launch_quiet(settings=short_limits.SETTINGS) as running:
        yield running


@pytest.fixture
def clients(endpoints: Endpoints) -> StackClients:
    """People with their tokens."""
    return StackClients(endpoints)
