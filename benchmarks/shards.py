"""How long a chunk takes with and without shards: from audio_processor's invocation to its result.

    python -m benchmarks.shards

Two local stacks of the synthesized template run side by side and take turns: one with the default
SHARD_SIZE, one that never splits. Instead of sockets there is a server that answers at once. The
last line is a JSON object.
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

from benchmarks.live import say
from benchmarks.shard_stacks import KINDS, STAGE, Chunk, Stack, running
from local.base.aws_settings import clear_aws_settings
from local.template import synthesis
from shared.utils.standard_streams import standard_streams

SIZES = (100, 1_000, 4_000)
#: Listeners of a shard, the default of `shared.utils.settings`; and one that nothing exceeds.
SHARD_SIZE, NO_SHARDS = 500, 1_000_000
#: Chunks that do not count: more workers start, connections open.
WARM_UP = 10
BLOCK = 5


class Block(NamedTuple):
    """Some chunks in a row, with the CPU seconds that they took by kind of process."""

    chunks: list[Chunk]
    cpu: dict[str, float]


def measure(stack: Stack) -> Block:
    """A block of chunks."""
    before = stack.cpu()
    chunks = [stack.chunk() for _ in range(BLOCK)]
    after = stack.cpu()
    return Block(chunks, {kind: after[kind] - before[kind] for kind in before})


def figures_of(blocks: list[Block], shards: int) -> dict[str, object]:
    """Medians of all chunks; CPU as the mean a chunk, since the kernel counts it in 10 ms."""
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
        # Each function with a core of its own: the first one's work, and that of one shard.
        "own_cores_ms": round(cpu["audio_processor"] + cpu["broadcast"] / max(1, shards), 1),
    }


def run(stacks: dict[str, Stack], rounds: int) -> dict[int, dict[str, dict[str, object]]]:
    """All sizes, the stacks in turn."""
    results: dict[int, dict[str, dict[str, object]]] = {}
    for size in SIZES:
        for name, stack in stacks.items():
            say(f"{size} listeners, {name}: seating")
            stack.seat(size)
            time.sleep(2)  # any roster that was read before is too old now
            for _ in range(WARM_UP):
                stack.chunk()
        blocks: dict[str, list[Block]] = {}
        for _ in range(rounds):
            for name, stack in stacks.items():
                blocks.setdefault(name, []).append(measure(stack))
        results[size] = {
            name: figures_of(blocks[name], shards_of(size) if name == "sharded" else 0)
            for name in stacks
        }
        say(json.dumps({size: results[size]}))
    return results


def shards_of(listeners: int) -> int:
    """How many invocations a chunk is split into; 0 if it is sent by whoever has it."""
    return -(-listeners // SHARD_SIZE) if listeners > SHARD_SIZE else 0


def main() -> None:
    """Start both stacks, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help=f"of {BLOCK} chunks each")
    options = parser.parse_args()
    if not 1 <= options.rounds <= 20:
        parser.error("--rounds 1 to 20")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running_stacks:
        load = os.getloadavg()[0]
        say("synthesizing the template")
        template = asyncio.run(synthesis.synthesize(Path(folder), STAGE))
        stacks = {}
        for name, size in (("sharded", SHARD_SIZE), ("unsharded", NO_SHARDS)):
            say(f"starting the stack: {name}")
            stacks[name] = running_stacks.enter_context(running(template, size))
        results = run(stacks, options.rounds)
    print(
        json.dumps(
            {
                **{f"t{size}_ms": results[size]["sharded"]["ms"] for size in SIZES},
                **{f"t{size}_unsharded_ms": results[size]["unsharded"]["ms"] for size in SIZES},
                "shards_used": {str(size): shards_of(size) for size in SIZES},
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
