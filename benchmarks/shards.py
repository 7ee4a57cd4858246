"""Duration of a chunk with and without shards: from audio_processor's invocation to its result.

    python -m benchmarks.shards

Two local stacks of the synthesized template run side by side and take turns: one with the default
SHARD_SIZE, one that never splits. A server that responds at once replaces the sockets. The last
line is a JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import log
from benchmarks.shard_stacks import KINDS, STAGE, Chunk, Stack, running
from local.base.aws_settings import clear_aws_settings
from local.template import synthesis
from shared.utils.standard_streams import standard_streams

SIZES = (100, 1_000, 4_000)
#: Listeners per shard: the default of `shared.utils.settings`, and one that is never exceeded.
SHARD_SIZE, NO_SHARDS = 500, 1_000_000
#: Chunks that are not measured: workers start, connections open.
WARM_UP = 10
BLOCK = 5


class Block(NamedTuple):
    """Consecutive chunks, and their CPU seconds by kind of process."""

    chunks: list[Chunk]
    cpu: dict[str, float]


def measure(stack: Stack) -> Block:
    """Send and measure a block of chunks."""
    before = stack.cpu()
    chunks = [stack.send_chunk() for _ in range(BLOCK)]
    after = stack.cpu()
    return Block(chunks, {kind: after[kind] - before[kind] for kind in before})


def summarize(blocks: list[Block], shards: int) -> dict[str, object]:
    """Medians of all chunks; CPU is a mean per chunk, because the kernel counts 10 ms ticks."""
    chunks = [chunk for block in blocks for chunk in block.chunks]
    taken = [chunk.taken_ms for chunk in chunks]
    cpu = {
        kind: sum(block.cpu[kind] for block in blocks) * 1_000 / len(chunks)
        for kind in blocks[0].cpu
    }
    mean_ms = statistics.mean(taken)
    functions = sum(cpu[kind] for kind in KINDS)
    return {
        "ms": round(statistics.median(taken), 1),
        "worst_ms": round(max(taken), 1),
        "incomplete": sum(not chunk.complete for chunk in chunks),
        "shards": shards,
        "cpu_ms": {kind: round(value, 1) for kind, value in cpu.items()},
        "function_cores": round(functions / mean_ms, 2),
        "all_cores": round(sum(cpu.values()) / mean_ms, 2),
        # With a core per function: the audio processor's work plus that of one shard.
        "own_cores_ms": round(cpu["audio_processor"] + cpu["broadcast"] / max(1, shards), 1),
    }


def run(stacks: dict[str, Stack], rounds: int) -> dict[int, dict[str, dict[str, object]]]:
    """Measure all audience sizes; the stacks take turns."""
    results: dict[int, dict[str, dict[str, object]]] = {}
    for size in SIZES:
        for name, stack in stacks.items():
            log(f"{size} listeners, {name}: seating")
            stack.seat_listeners(size)
            time.sleep(2)  # let cached rosters expire
            for _ in range(WARM_UP):
                stack.send_chunk()
        blocks: dict[str, list[Block]] = {}
        for _ in range(rounds):
            for name, stack in stacks.items():
                blocks.setdefault(name, []).append(measure(stack))
        results[size] = {
            name: summarize(blocks[name], shard_count(size) if name == "sharded" else 0)
            for name in stacks
        }
        log(json.dumps({size: results[size]}))
    return results


def shard_count(listeners: int) -> int:
    """Number of invocations a chunk is split into; 0 if the audio processor sends it itself."""
    return -(-listeners // SHARD_SIZE) if listeners > SHARD_SIZE else 0


def main() -> None:
    """Start both stacks, measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help=f"rounds of {BLOCK} chunks")
    options = parser.parse_args()
    if not 1 <= options.rounds <= 20:
        parser.error("use 1 to 20 --rounds")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running_stacks:
        load = os.getloadavg()[0]
        log("synthesizing the template")
        template = asyncio.run(synthesis.synthesize(Path(folder), STAGE))
        stacks = {}
        for name, size in (("sharded", SHARD_SIZE), ("unsharded", NO_SHARDS)):
            log(f"starting the stack: {name}")
            stacks[name] = running_stacks.enter_context(running(template, size))
        results = run(stacks, options.rounds)
    print(
        json.dumps(
            {
                **{f"t{size}_ms": results[size]["sharded"]["ms"] for size in SIZES},
                **{f"t{size}_unsharded_ms": results[size]["unsharded"]["ms"] for size in SIZES},
                "shards_used": {str(size): shard_count(size) for size in SIZES},
                "sizes": results,
                "shard_size": SHARD_SIZE,
                "chunks": options.rounds * BLOCK,
                "cores": os.cpu_count(),
                "load_before": round(load, 1),
            }
        )
    )


if __name__ == "__main__":
    clear_aws_settings()
    with standard_streams():
        main()
