"""Soak test: half an hour of a session with faults; memory, descriptors, counters stay right.

    python -m benchmarks.soak --minutes 30 --listeners 300

One speaker, two interpreters, and listeners that come and go use a local stack with random faults
(docs/faults.md). Every process is sampled each ten seconds. Its memory is flat if the median of the
last sixth of its life exceeds that of the second by at most 5 %. At the end the faults stop, and
the counters must equal the listeners. The last line is a JSON object; the exit status is 1 if
anything grew or was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.cpu_time import children, command_line
from benchmarks.soak.audience import Audience, Heard, sound_of
from benchmarks.soak.fault_plan import fault_plan
from benchmarks.soak.process_watch import STACK, ProcessWatch, table
from cli.options import Connector
from client.connection.reconnecting import ReconnectingConnection
from client.errors import ClientError
from client.flows.interpreter import Start, interpret
from client.flows.speaker import speak
from client.playback.capture import ChunkSource
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from shared.utils.standard_streams import standard_streams

SOURCE, INTERPRETED = "en", ("es", "fr")
# Listeners of German hear the floor.
LANGUAGES = (SOURCE, SOURCE, *INTERPRETED, "de")
_SAMPLE_SECONDS = 10.0
_SETTLE_SECONDS = 60.0
_VOLUME_SECONDS = 30.0
# Below the number of listeners, so that broadcast functions share the posts.
_SHARD_SIZE = 150


@dataclass
class Endless:
    """A recording without end: one byte for each language."""

    audio_format: AudioFormat
    language: str
    live = False
    total = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        mark = sound_of(self.language)
        chunk = (mark * (self.audio_format.chunk_bytes // len(mark) + 1))[
            : self.audio_format.chunk_bytes
        ]
        while True:
            yield chunk


def endless(language: str) -> Any:
    """Open an endless recording of a language."""

    def open_source(audio_format: AudioFormat) -> ChunkSource:
        return Endless(audio_format, language)

    return open_source


def log(text: str) -> None:
    """Print progress to standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Soak:
    """One run against a running stack."""

    def __init__(self, endpoints: Endpoints, options: argparse.Namespace) -> None:
        self._endpoints = endpoints
        self._options = options
        self._seconds = options.minutes * 60
        #: How often each source had to start again.
        self.restarts: Counter[str] = Counter()

    async def run(self, watch: ProcessWatch) -> dict[str, object]:
        """Run, and check the counters in the end."""
        options = self._options
        session: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._speak(session))]
            session_id = await session
            tasks += [group.create_task(self._interpret(session_id, one)) for one in INTERPRETED]
            url = self._endpoints.websocket_url
            audience = Audience(url, session_id, SOURCE, LANGUAGES, options.seed)
            tasks.append(group.create_task(audience.run(options.listeners)))
            log(f"session {session_id}; {options.listeners} listeners for {options.minutes:g} min")
            await self._watch(watch, audience.heard)
            audience.stay()
            differences = await self._settled(session_id, audience)
            for task in tasks:
                task.cancel()
        return {
            "chunks": audience.heard.chunks,
            "missing": audience.heard.missing,
            "overtaken": audience.heard.overtaken,
            "repeated": audience.heard.repeated,
            "wrong": len(audience.heard.wrong),
            "wrong_samples": audience.heard.wrong[:3],
            "events": dict(audience.heard.events.most_common()),
            "restarts": dict(self.restarts),
            "counters_exact": not differences,
            "differences": differences,
        }

    async def _settled(self, session_id: str, audience: Audience) -> list[str]:
        """Sweep and reconcile; returns what differs from the open listeners."""
        # Not earlier: they import the CDK, whose Node processes are not part of the measurement.
        from tests.e2e.support.operator import Operator  # noqa: PLC0415
        from tests.e2e.support.settling import settle  # noqa: PLC0415

        log("the faults are over; sweeping and reconciling")
        operator = Operator(self._endpoints)
        return await settle(operator, session_id, lambda: audience.members, _SETTLE_SECONDS)

    async def _speak(self, session: asyncio.Future[str]) -> None:
        async def created(reply: SessionCreated) -> None:
            session.set_result(reply.session_id)

        async with (
            self._connector("alice", "speakers").connect() as connection,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._set_volumes(connection, session))
            await speak(connection, SOURCE, endless(SOURCE), on_created=created)
            raise RuntimeError("the session has ended before the run")

    @staticmethod
    async def _set_volumes(
        connection: ReconnectingConnection, session: asyncio.Future[str]
    ) -> None:
        """Change the volume several times at once, now and then: each is sent to all members."""
        await asyncio.shield(session)
        while True:
            await asyncio.sleep(_VOLUME_SECONDS)
            changes = (connection.set_volume(volume / 10) for volume in range(5, 10))
            await asyncio.gather(*changes, return_exceptions=True)

    async def _interpret(self, session_id: str, language: str) -> None:
        while True:
            with contextlib.suppress(ClientError):
                async with self._connector(f"i-{language}", "interpreters").connect() as connection:
                    await interpret(
                        connection, session_id, language, endless(language), start=Start.NOW
                    )
            self.restarts[f"interpreter {language}"] += 1
            await asyncio.sleep(1)

    def _connector(self, user: str, *groups: str) -> Connector:
        endpoints = self._endpoints
        return Connector(endpoints.websocket_url, None, endpoints.token_url, user, groups)

    async def _watch(self, watch: ProcessWatch, heard: Heard) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        due = 0.0
        while due < self._seconds:
            await asyncio.sleep(max(began + due - loop.time(), 0))
            watch.sample(due)
            if not due % 60:
                log(f"{due / 60:.0f} min: {heard.chunks} chunks, {len(heard.wrong)} wrong")
            due += _SAMPLE_SECONDS


def occurrences(endpoints: Endpoints) -> dict[str, int]:
    """How often each kind of fault has occurred."""
    base = endpoints.management_url.rpartition("/")[0]
    with urllib.request.urlopen(f"{base}/_faults", timeout=5) as answer:
        found: Counter[str] = Counter()
        for each in json.load(answer):
            found[each["kind"]] += each["occurrences"]
        return dict(found)


def stack_pid() -> int:
    """The process of the stack that this one has launched."""
    (pid,) = (pid for pid in children(os.getpid()) if "-m local" in command_line(pid))
    return pid


def main(arguments: Sequence[str] | None = None) -> int:
    """Start a stack with faults, soak it, and print the verdict; returns the exit status."""
    options = _parse(arguments)
    seconds = options.minutes * 60
    with tempfile.TemporaryDirectory() as folder, options.series.open("w") as series:
        plan = Path(folder) / "faults.json"
        plan.write_text(json.dumps(fault_plan(options.seed, seconds)))
        extra = (*UNTHROTTLED, f"--faults={plan}", f"--set=SHARD_SIZE={_SHARD_SIZE}")
        log("starting the local stack")
        with launch(extra_args=extra) as endpoints:
            watch = ProcessWatch({stack_pid(): STACK, os.getpid(): "clients"}, series)
            result = uvloop.run(Soak(endpoints, options).run(watch))
            happened = occurrences(endpoints)
    judged = [each for each in watch.series if each.judged(seconds)]
    growing = [f"{each.name} {each.pid}" for each in judged if each.verdict == "GROWS"]
    print(table(watch.series, seconds))
    passed = not growing and bool(judged) and not result["wrong"] and bool(result["counters_exact"])
    print(
        json.dumps(
            {
                "minutes": options.minutes,
                "listeners": options.listeners,
                "seed": options.seed,
                "passed": passed,
                "judged": len(judged),
                "growing": growing,
                **result,
                "faults": happened,
            }
        )
    )
    return 0 if passed else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--minutes", type=float, default=30, help="2 to 1440 (default: 30)")
    parser.add_argument("--listeners", type=int, default=300, help="1 to 2000 (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="of faults and listeners (default: 1)")
    parser.add_argument(
        "--series",
        type=Path,
        default=Path(tempfile.gettempdir()) / "soak.jsonl",
        help="file for the samples, for benchmarks.soak.plot (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if not (2 <= options.minutes <= 1_440 and 1 <= options.listeners <= 2_000):
        parser.error("use 2 to 1440 --minutes and 1 to 2000 --listeners")
    return options


if __name__ == "__main__":
    with standard_streams():
        sys.exit(main())
