"""A stack in this process, so that tests change its faults while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from local.faults.injector import FaultCount, FaultInjector
from local.faults.plan import Fault, FaultPlan
from local.local_stack import LocalStack, Options
from tests.e2e.support.clients import StackClients
from tests.e2e.support.stacks import NO_SCHEDULES_SECONDS, template_with

# Small, so that `broadcast` functions send the shards of a few listeners.
_SETTINGS = {"SHARD_SIZE": "1"}


@dataclass(frozen=True)
class FaultyStack:
    """A running stack whose faults a test chooses."""

    clients: StackClients
    injector: FaultInjector

    @contextmanager
    def faults(self, seed: int, *faults: Fault) -> Iterator[list[FaultCount]]:
        """Put faults into effect until the end of the block; yields their counts."""
        self.injector.use(FaultPlan(seed, faults))
        counts = self.injector.counts
        try:
            yield counts
        finally:
            self.injector.use(FaultPlan())


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def faulty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultyStack]:
    local_stack = LocalStack(
        Options(
            state=tmp_path_factory.mktemp("stack"),
            template=template_with(_SETTINGS),
            reload=False,
            schedule_seconds=NO_SCHEDULES_SECONDS,
            faults=FaultPlan(),
        )
    )
    endpoints = await local_stack.start()
    assert local_stack.faults is not None
    try:
        yield FaultyStack(StackClients(endpoints), local_stack.faults)
    finally:
        await local_stack.stop()
