"""Broadcast controls and their effects."""

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


def received_seqs(world: World, listener: str) -> list[int]:
    """Sequence numbers of the audio that a listener received."""
    return [chunk["seq"] for chunk in world.pushes(listener, "audio")]


def error_of(reply: Message) -> tuple[int, str]:
    """Status and code of an error reply."""
    assert reply["type"] == "error", reply
    return reply["status"], reply["code"]
