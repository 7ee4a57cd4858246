"""Sizes of property tests and load tests: small by default, large on request."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_DEEP = os.environ.get("LINGOCAST_DEEP_TESTS") == "1"


def examples(default: int, deep: int) -> int:
    """The size of a test: `deep` with LINGOCAST_DEEP_TESTS=1."""
    return deep if _DEEP else default


def load_profile() -> None:
    """Set the default profile of property tests. Slow machines fail none of them."""
    settings.register_profile(
        "lingocast",
        deadline=None,
        max_examples=examples(default=50, deep=300),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("lingocast")
