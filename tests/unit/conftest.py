"""Fixtures of the unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.world import World, new_world


@pytest.fixture
def world() -> Iterator[World]:
    """The functions in one process over moto's tables."""
    with new_world() as fresh:
        yield fresh
