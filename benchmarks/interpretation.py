"""Latency and speed of the offline engine: recorded English heard in Spanish and Catalan.

    python -m benchmarks.interpretation

Ten recorded sentences are spoken in real time on the local stack, once without an interpreter and
once with the offline engine in a separate process (`python -m cli interpret`). Latency is the time
from the end of a sentence in the recording to the receipt of the first translated sound of its last
utterance. Then the engine alone processes the same recording as fast as it can, for one to four
concurrent sessions. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from benchmarks.engine_speed import real_time_factor
from benchmarks.figures import log, percentile
from benchmarks.interpreted_session import Measurements, Speech, run_session
from client.tokens.development import fetch_token
from interpreter.engines.offline import programs
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.utils.standard_streams import standard_streams

ROOT = Path(__file__).parent.parent
TARGETS = ("es", "ca")
SESSIONS = (1, 2, 3, 4)
_STOP_SECONDS = 15


@asynccontextmanager
async def machine(endpoints: Endpoints, session_id: str) -> AsyncIterator[None]:
    """Run a machine interpreter in a separate process until the end of the block."""
    assert endpoints.token_url is not None
    token = await fetch_token(endpoints.token_url, "machine", ["interpreters"])
    command = [sys.executable, "-m", "cli", "interpret", session_id, "--engine", "offline"]
    command += ["--languages", ",".join(TARGETS), "--url", endpoints.websocket_url]
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            f"--token={token}",
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
            output.seek(0)
            log(output.read().decode(errors="replace").rstrip())


def print_latencies(speech: Speech, measurements: Measurements) -> None:
    """Print the latency of every sentence in each language."""
    log(f"{'end of sentence to first sound, ms':44}" + "".join(f"{to:>8}" for to in TARGETS))
    for sentence in speech.sentences:
        cells = []
        for language in TARGETS:
            latency = measurements.latency_ms(sentence, language)
            cells.append("missing" if latency is None else f"{latency:.0f}")
        log(f"{sentence.text[:44]:44}" + "".join(f"{cell:>8}" for cell in cells))


async def measure(endpoints: Endpoints, options: argparse.Namespace) -> dict[str, object]:
    """Run both sessions against a running stack."""
    speech = Speech.of_sentences(options.sentences)
    log(f"{len(speech.sentences)} sentences in {speech.seconds:.0f} s, without an interpreter")
    uninterpreted = await run_session(endpoints, speech, TARGETS, options.listeners)
    log(f"the same with a machine interpreter for {' and '.join(TARGETS)}")
    interpreted = await run_session(
        endpoints, speech, TARGETS, options.listeners, lambda session: machine(endpoints, session)
    )
    print_latencies(speech, interpreted)
    latencies = [
        latency
        for sentence in speech.sentences
        for language in TARGETS
        if (latency := interpreted.latency_ms(sentence, language)) is not None
    ]
    floor, floor_alone = (percentile(run.floor_ms, 0.99) for run in (interpreted, uninterpreted))
    return {
        "sentences": len(speech.sentences),
        "languages": list(TARGETS),
        "missing": len(speech.sentences) * len(TARGETS) - len(latencies),
        "p50_ms": round(percentile(latencies, 0.50), 1),
        "p95_ms": round(percentile(latencies, 0.95), 1),
        "max_ms": round(max(latencies, default=float("nan")), 1),
        **interpreted.stages(),
        "floor_listeners": options.listeners,
        "floor_missing": interpreted.floor_expected - len(interpreted.floor_ms),
        "floor_p99_ms": round(floor, 1),
        "floor_p99_alone_ms": round(floor_alone, 1),
        "floor_ratio": round(floor / floor_alone, 2),
    }


def main() -> None:
    """Start a stack, measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=10, help="number of sentences (2 to 10)")
    parser.add_argument(
        "--listeners", type=int, default=20, help="listeners of the floor (1 to 200)"
    )
    options = parser.parse_args()
    if not (2 <= options.sentences <= 10 and 1 <= options.listeners <= 200):
        parser.error("use 2 to 10 --sentences and 1 to 200 --listeners")
    if missing := programs.missing():
        parser.exit(1, f"{missing}\n")
    log("starting the local stack")
    with launch(extra_args=UNTHROTTLED) as endpoints:
        result = uvloop.run(measure(endpoints, options))
    for sessions in SESSIONS:
        log(f"the engine alone, {sessions} concurrent sessions")
        factor = asyncio.run(real_time_factor(sessions, options.sentences, TARGETS))
        result[f"rtf{sessions}"] = round(factor, 3)
    print(json.dumps(result))


if __name__ == "__main__":
    with standard_streams():
        main()
