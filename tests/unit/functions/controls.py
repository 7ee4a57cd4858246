"""The controls of a broadcast, and what is seen of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.clients import Message
from tests.helpers.world import World

CONTROLS: list[tuple[str, dict[str, Any]]] = [
    ("pauseBroadcast", {}),
    ("resumeBroadcast", {}),
    ("muteBroadcast", {}),
    ("unmuteBroadcast", {}),
    ("setVolume", {"volume": 0.5}),
]
every_control = pytest.mark.parametrize(("action", "fields"), CONTROLS, ids=str)


def heard(world: World, listener: str) -> list[int]:
    return [chunk["seq"] for chunk in world.pushes(listener, "audio")]


def refused(reply: Message) -> tuple[int, str]:
    assert reply["type"] == "error", reply
    return reply["status"], reply["code"]
