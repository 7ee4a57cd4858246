"""Fixtures of the tests of functions."""

from __future__ import annotations

import pytest

from tests.helpers.phones import Phone, phone
from tests.helpers.world import World


@pytest.fixture
def three(world: World) -> tuple[Phone, Phone, Phone]:
    """Three devices of alice."""
    return phone(world, "alice", 1), phone(world, "alice", 2), phone(world, "alice", 3)
