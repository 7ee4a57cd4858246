"""Metrics of the running stack in `python -m local metrics`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.clients import StackClients
from tests.e2e.support.stacks import state_of
from tests.infrastructure.assembly import ROOT

_CHUNKS = 3
# Metrics are written after the chunk is delivered: maximum reads until they appear.
_LOOKS = 20


async def metrics(state: Path) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", "metrics", "--once", "--json", f"--state={state}"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    found: list[dict[str, Any]] = json.loads(output)["metrics"]
    return found


async def delivered(state: Path) -> float:
    return sum(
        float(item["overall"]["sum"])
        for item in await metrics(state)
        if item["name"] == "FanoutDelivered"
    )


@pytest.fixture
def state(endpoints: Endpoints, tmp_path: Path) -> Path:
    """A folder with this stack's state only: the command reads the newest stack."""
    for name in ("lock", "logs"):
        (tmp_path / name).symlink_to(state_of(endpoints) / name)
    return tmp_path


async def test_deliveries_are_counted_and_timed(clients: StackClients, state: Path) -> None:
    before = await delivered(state)
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "en") as first,
        clients.listener(session_id, "en") as second,
    ):
        for seq in range(_CHUNKS):
            await speaker.send_audio(seq)
        for listener in (first, second):
            for _ in range(_CHUNKS):
                await listener.expect("audio")
        for _ in range(_LOOKS):
            counted = await delivered(state) - before
            if counted >= 2 * _CHUNKS:
                break

    assert counted >= 2 * _CHUNKS
    (duration,) = (
        item
        for item in await metrics(state)
        if item["name"] == "FanoutDuration"
        and item["dimensions"]["service"].endswith("audio-processor")
    )
    assert duration["unit"] == "Milliseconds"
    assert 0 < duration["overall"]["p50"] <= duration["overall"]["p99"]
