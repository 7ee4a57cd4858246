"""The running stack's metrics, as `python -m local metrics` shows them."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from tests.e2e.stage import Stage
from tests.infrastructure.assembly import ROOT

_CHUNKS = 3
# Metrics are written after the chunk: so often they are looked for.
_LOOKS = 20


async def metrics() -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", "metrics", "--once", "--json"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    found: list[dict[str, Any]] = json.loads(output)["metrics"]
    return found


async def delivered() -> float:
    return sum(
        float(item["overall"]["sum"])
        for item in await metrics()
        if item["name"] == "FanoutDelivered"
    )


async def test_deliveries_are_counted_and_timed(stage: Stage) -> None:
    before = await delivered()
    async with (
        stage.session() as (speaker, session_id),
        stage.listener(session_id, "en") as first,
        stage.listener(session_id, "en") as second,
    ):
        for seq in range(_CHUNKS):
            await speaker.send_audio(seq)
        for listener in (first, second):
            for _ in range(_CHUNKS):
                await listener.expect("audio")
        for _ in range(_LOOKS):
            counted = await delivered() - before
            if counted >= 2 * _CHUNKS:
                break

    assert counted >= 2 * _CHUNKS
    (duration,) = (
        item
        for item in await metrics()
        if item["name"] == "FanoutDuration"
        and item["dimensions"]["service"].endswith("audio-processor")
    )
    assert duration["unit"] == "Milliseconds"
    assert 0 < duration["overall"]["p50"] <= duration["overall"]["p99"]
