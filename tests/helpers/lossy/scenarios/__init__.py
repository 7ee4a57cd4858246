"""Scenarios for every request type, timer and schedule. Importing this package registers all."""

from __future__ import annotations

from tests.helpers.lossy.scenarios import (
    announcements,
    audio,
    devices,
    interpretation,
    membership,
    sessions,
)
from tests.helpers.lossy.scenarios.registry import SCENARIOS, Scenario

__all__ = [
    "SCENARIOS",
    "Scenario",
    "announcements",
    "audio",
    "devices",
    "interpretation",
    "membership",
    "sessions",
]
