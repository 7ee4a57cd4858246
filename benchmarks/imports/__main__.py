"""Initialization and first invocations of each function, compared with boto3 and one client.

    python -m benchmarks.imports

Each sample is a fresh process. *Initialization* is all that happens before a function can serve:
importing its handler, which reads the settings and creates the parts that every invocation needs,
AWS clients included. The reference imports boto3 and creates one DynamoDB client. The interpreter's
own start is in neither. Then come two invocations with the same event, against an HTTP server that
answers DynamoDB, Lambda and @connections at once with an empty object: the difference between them
is work that initialization left to the first one. All take turns, and the figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.imports.events import EVENTS
from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import CONNECT, FUNCTIONS, INTERPRETER
from local.base.aws_settings import without_aws_settings
from shared.utils.standard_streams import standard_streams

ROUNDS = 9
REFERENCE = "boto3, one client"

# The last line has initialization, its CPU time, first and second invocation (ms).
_CLOCK = """
import sys, time
from json import dumps, loads
event = loads(sys.argv[1])
start, cpu = time.perf_counter(), time.process_time()
def lap():
    global start
    passed, start = (time.perf_counter() - start) * 1e3, time.perf_counter()
    return passed
"""
_REFERENCE = f"""{_CLOCK}
import boto3
client = boto3.client("dynamodb")
cpu = (time.process_time() - cpu) * 1e3
times = [lap()]
for _ in range(2):
    client.get_item(TableName="table", Key={{"key": {{"S": "value"}}}})
    times.append(lap())
print(dumps([times[0], cpu, *times[1:]]))
"""
_FUNCTION = f"""{_CLOCK}
import importlib
handler = importlib.import_module(f"lambda.{{sys.argv[2]}}.handler").lambda_handler
cpu = (time.process_time() - cpu) * 1e3
times = [lap()]
for _ in range(0 if event is None else 2):
    handler(event, None)
    times.append(lap())
print(dumps([times[0], cpu, *times[1:]]))
"""


class _EmptyAnswers(BaseHTTPRequestHandler):
    """Answers every request with an empty JSON object."""

    protocol_version = "HTTP/1.1"
    # One write for head and body: two would wait for a delayed acknowledgement.
    wbufsize = -1

    def do_POST(self) -> None:
        """Read the request and answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Log nothing."""


@contextmanager
def empty_answers() -> Iterator[str]:
    """Serve empty answers on a port of 127.0.0.1. Yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EmptyAnswers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def environment_of(spec: FunctionSpec, address: str) -> dict[str, str]:
    """The environment of a function whose AWS services are at `address`."""
    required = dict.fromkeys(spec.settings.required_names(), address)
    if "WEBSOCKET_URL" in required:
        required["WEBSOCKET_URL"] = "ws://127.0.0.1/prod"
    return {
        **without_aws_settings(os.environ),
        **required,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_DYNAMODB": address,
        "AWS_ENDPOINT_URL_LAMBDA": address,
        "POWERTOOLS_SERVICE_NAME": spec.name,
        "POWERTOOLS_METRICS_NAMESPACE": "Lingocast",
    }


def sample(program: str, spec: FunctionSpec, address: str) -> list[float]:
    """Run one process. Returns initialization, its CPU time, and the invocations (ms)."""
    event = json.dumps(EVENTS.get(spec.name))
    done = subprocess.run(
        [sys.executable, "-c", program, event, spec.name],
        env=environment_of(spec, address),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise RuntimeError(f"{spec.name}: {done.stderr}")
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def main() -> None:
    """Measure; print a table, and the figures as JSON in the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="processes for each function")
    parser.add_argument("names", nargs="*", help="functions, by default all")
    given = parser.parse_args()
    specs = [spec for spec in FUNCTIONS if not given.names or spec.name in given.names]
    samples: dict[str, list[list[float]]] = {}
    with empty_answers() as address:
        # The first round fills the file cache and compiles what has changed.
        for number in range(given.rounds + 1):
            turn = {REFERENCE: sample(_REFERENCE, CONNECT, address)}
            turn |= {spec.name: sample(_FUNCTION, spec, address) for spec in specs}
            if number:
                for name, times in turn.items():
                    samples.setdefault(name, []).append(times)
    report(samples)


def report(samples: Mapping[str, list[list[float]]]) -> None:
    """Print medians."""
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in samples.items()
    }
    reference = medians[REFERENCE]
    figures: dict[str, dict[str, float]] = {}
    print(f"{'ms':18}{'init':>8}{'ratio':>7}{'CPU':>8}{'ratio':>7}{'first':>9}{'second':>8}")
    for name, (init, cpu, *invocations) in medians.items():
        ratios = init / reference[0], cpu / reference[1]
        shown = "".join(f"{each:9.1f}" for each in invocations)
        print(f"{name:18}{init:8.0f}{ratios[0]:7.2f}{cpu:8.0f}{ratios[1]:7.2f}{shown}")
        figures[name] = {
            "init_ms": round(init, 1),
            "ratio": round(ratios[0], 2),
            "cpu_ms": round(cpu, 1),
            "cpu_ratio": round(ratios[1], 2),
            **dict(
                zip(
                    ("first_ms", "second_ms"),
                    (round(each, 1) for each in invocations),
                    strict=False,
                )
            ),
        }
    worst = max(
        (each["ratio"], name)
        for name, each in figures.items()
        if name not in {REFERENCE, INTERPRETER.name}
    )
    print(f"\nhighest ratio, except for the interpreter: {worst[0]} ({worst[1]})\n")
    print(json.dumps({"python": sys.version.split()[0], "functions": figures}))


if __name__ == "__main__":
    with standard_streams():
        main()
