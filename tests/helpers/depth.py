"""How much tests try: little by default, much on request."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_DEEP = os.environ.get("LINGOCAST_DEEP_TESTS") == "1"


def examples(default: int, deep: int) -> int:
    """The size of a test: `deep` with LINGOCAST_DEEP_TESTS=1."""
    return deep if _DEEP else default


def load_profile() -> None:
    """Set what property tests use that say nothing else; a slow machine fails none of them."""
    settings.register_profile(
        "lingocast",
        deadline=None,
        max_examples=examples(default=50, deep=300),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("lingocast")
