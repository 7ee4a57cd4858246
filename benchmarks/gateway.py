"""Local gateway compared with npm's serverless-offline: echo round trips and deliveries.

    python -m benchmarks.gateway

The same echo app runs in both, each server in a separate process. One client measures them in turn,
with the same number of connections to each. The last line is a JSON object.

A round trip is a message to the app and its route response, in a closed loop on every connection.
A delivery is an accepted POST to @connections whose message a listener has received.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial

import uvloop

from benchmarks.cpu_time import cpu_seconds
from benchmarks.echo_servers import EchoServer, install, local_gateway, serverless_offline
from benchmarks.figures import log, percentile
from benchmarks.frame_client import FrameClient
from benchmarks.post_client import post_for, requests_to
from local.base import processes
from shared.utils.standard_streams import standard_streams

REGION = "eu-central-1"
#: Posts in flight, like a function's.
IN_FLIGHT = 100
CONNECTING_AT_ONCE = 16
ECHO = json.dumps({"action": "echo", "text": "x" * 64}).encode()
#: 200 ms of 16 kHz PCM in base64, with the JSON around it.
AUDIO = json.dumps({"type": "audio", "audio": "A" * 8_540}).encode()

SERVERS: dict[str, Callable[[], AbstractContextManager[EchoServer]]] = {
    "ours": partial(local_gateway, verify_signatures=True),
    # serverless-offline verifies no signatures: compare with this one.
    "ours_unverified": partial(local_gateway, verify_signatures=False),
    "serverless_offline": partial(serverless_offline, in_process=False),
    "serverless_offline_in_process": partial(serverless_offline, in_process=True),
}


class Client(FrameClient):
    """Requests its connection ID, then counts messages or measures echoes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.frames = 0
        self.unexpected = 0
        self._latencies_ms: list[float] = []
        self._sent_at = 0.0
        self._echoing = False

    def upgraded(self) -> None:
        """Request the connection ID."""
        self.send(b'{"action": "whoami"}')

    def start_echo(self) -> None:
        """Start sending; every echo triggers the next message."""
        self._latencies_ms = []
        self._echoing = True
        self._send_echo()

    def stop_echo(self) -> list[float]:
        """Stop sending; return the round-trip times in ms."""
        self._echoing = False
        return self._latencies_ms

    def text_received(self, payload: bytes) -> None:
        """Receive the connection ID, an echo or a posted message."""
        if not self.ready.done():
            self.ready.set_result(payload.decode())
            return
        self.frames += 1
        if payload == AUDIO:
            return
        if payload != ECHO:
            self.unexpected += 1
        elif self._echoing:
            self._latencies_ms.append((time.perf_counter() - self._sent_at) * 1_000)
            self._send_echo()

    def _send_echo(self) -> None:
        self._sent_at = time.perf_counter()
        self.send(ECHO)


@dataclass
class ServerClients:
    """Connections to one server, and their measurements by round."""

    server: EchoServer
    clients: list[Client]
    ids: list[str]
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    @classmethod
    async def connect(cls, server: EchoServer, count: int) -> ServerClients:
        """Open `count` connections, a few at a time."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
        clients = [Client(server.websocket_url) for _ in range(count)]

        async def open_one(client: Client) -> str:
            async with gate:
                return await client.open()

        return cls(server, clients, list(await asyncio.gather(*map(open_one, clients))))

    async def echo(self, connections: int, seconds: float) -> dict[str, float]:
        """Measure round trips on some of the connections."""
        clients = self.clients[:connections]
        for client in clients:
            client.start_echo()
        await asyncio.sleep(seconds / 4)  # warm-up: workers start, code is compiled
        for client in clients:
            client.stop_echo()
        await asyncio.sleep(0.2)  # the last echoes
        for client in clients:
            client.start_echo()
        cpu, started_at = cpu_seconds(self.server.pid), time.perf_counter()
        await asyncio.sleep(seconds)
        taken = time.perf_counter() - started_at
        cpu = cpu_seconds(self.server.pid) - cpu
        latencies = [value for client in clients for value in client.stop_echo()]
        await asyncio.sleep(0.2)
        return {
            "rps": len(latencies) / taken,
            "p50_ms": percentile(latencies, 0.50),
            "p99_ms": percentile(latencies, 0.99),
            "server_cpu_us": cpu * 1e6 / max(1, len(latencies)),
        }

    async def deliver(self, sender: Executor, seconds: float) -> dict[str, float]:
        """Measure posts to all connections, sent by a dedicated process."""
        before = sum(client.frames for client in self.clients)
        cpu = cpu_seconds(self.server.pid)
        loop = asyncio.get_running_loop()
        address = self.server.management_url
        requests = requests_to(address, self.ids, AUDIO, REGION)
        work = partial(post_for, address, requests, seconds=seconds, in_flight=IN_FLIGHT)
        posted, taken = await loop.run_in_executor(sender, work)
        deadline = time.monotonic() + 5
        while (received := sum(client.frames for client in self.clients) - before) < posted:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{posted} posts were accepted, {received} arrived")
            await asyncio.sleep(0.01)
        cpu = cpu_seconds(self.server.pid) - cpu
        return {"rps": posted / taken, "server_cpu_us": cpu * 1e6 / posted}

    def add_round(self, kind: str, figures: dict[str, float]) -> None:
        """Add the figures of a round."""
        self.rounds.setdefault(kind, []).append(figures)

    def medians(self) -> dict[str, dict[str, float]]:
        """Medians of all rounds, so that a disturbed round has no effect."""
        return {
            kind: {
                key: round(statistics.median(figures[key] for figures in rounds), 2)
                for key in rounds[0]
            }
            for kind, rounds in self.rounds.items()
        }


async def measure(
    servers: dict[str, EchoServer], options: argparse.Namespace, sender: Executor
) -> dict[str, ServerClients]:
    """Run all rounds; the servers take turns in each."""
    measured = {
        name: await ServerClients.connect(server, options.connections)
        for name, server in servers.items()
    }
    for number in range(options.rounds):
        for name, server_clients in measured.items():
            log(f"round {number + 1} of {options.rounds}: {name}")
            server_clients.add_round("alone", await server_clients.echo(1, options.seconds / 2))
            server_clients.add_round(
                "echo", await server_clients.echo(options.echoing, options.seconds)
            )
            server_clients.add_round(
                "deliveries", await server_clients.deliver(sender, options.seconds)
            )
    for server_clients in measured.values():
        if any(client.unexpected for client in server_clients.clients):
            raise RuntimeError("a client received an unexpected message")
        for client in server_clients.clients:
            client.close()
    return measured


def report(measured: dict[str, ServerClients], options: argparse.Namespace) -> dict[str, object]:
    """Print a table; return the figures."""
    medians = {name: server_clients.medians() for name, server_clients in measured.items()}
    columns = [
        ("deliveries/s", "deliveries", "rps"),
        ("CPU µs each", "deliveries", "server_cpu_us"),
        ("echoes/s", "echo", "rps"),
        ("p50 ms", "echo", "p50_ms"),
        ("p99 ms", "echo", "p99_ms"),
        ("alone p50 ms", "alone", "p50_ms"),
    ]
    log(f"\n{'':30}" + "".join(f"{title:>14}" for title, _, _ in columns))
    for name, figures in medians.items():
        log(f"{name:30}" + "".join(f"{figures[kind][key]:14.1f}" for _, kind, key in columns))
    ours, unverified = medians["ours"], medians["ours_unverified"]
    # As it comes, which isolates functions as we do; and with functions in its own process.
    theirs, in_process = medians["serverless_offline"], medians["serverless_offline_in_process"]

    def ratio(of: dict[str, dict[str, float]], to: dict[str, dict[str, float]]) -> float:
        return round(of["deliveries"]["rps"] / to["deliveries"]["rps"], 2)

    def cpu_ratio(of: dict[str, dict[str, float]]) -> float:
        # CPU of the servers alone: least affected by other load.
        return round(theirs["deliveries"]["server_cpu_us"] / of["deliveries"]["server_cpu_us"], 2)

    return {
        # serverless-offline verifies neither signatures nor roles.
        "ours_rps": unverified["deliveries"]["rps"],
        "serverless_offline_rps": theirs["deliveries"]["rps"],
        "ratio": ratio(unverified, theirs),
        "ratio_in_process": ratio(unverified, in_process),
        "ours_verified_rps": ours["deliveries"]["rps"],
        "ratio_verified": ratio(ours, theirs),
        "cpu_ratio": cpu_ratio(unverified),
        "cpu_ratio_verified": cpu_ratio(ours),
        "ours_p99_ms": ours["echo"]["p99_ms"],
        "serverless_offline_p99_ms": theirs["echo"]["p99_ms"],
        "servers": medians,
        "connections": options.connections,
        "echoing": options.echoing,
        "seconds": options.seconds,
        "rounds": options.rounds,
        "in_flight": IN_FLIGHT,
        "body_bytes": len(AUDIO),
    }


def start(stack: ExitStack, names: Iterable[str]) -> dict[str, EchoServer]:
    """Start the servers one after the other."""
    servers = {}
    for name in names:
        log(f"starting {name}")
        servers[name] = stack.enter_context(SERVERS[name]())
    return servers


def main() -> None:
    """Start the servers, measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=200, help="connections to each server")
    parser.add_argument(
        "--echoing", type=int, default=50, help="connections that echo at the same time"
    )
    parser.add_argument("--seconds", type=float, default=2, help="duration of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not (1 <= options.echoing <= options.connections <= 2_000):
        parser.error("use at most 2000 --connections, and no more --echoing than those")
    if not (0.5 <= options.seconds <= 30 and 1 <= options.rounds <= 20):
        parser.error("use 0.5 to 30 --seconds and 1 to 20 --rounds")
    processes.raise_open_files_limit()
    load = round(os.getloadavg()[0], 1)
    log("installing serverless-offline (the first time only)")
    install()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as sender, ExitStack() as stack:
        servers = start(stack, SERVERS)
        figures = report(uvloop.run(measure(servers, options, sender)), options)
    print(json.dumps({**figures, "load_before": load}))


if __name__ == "__main__":
    with standard_streams():
        main()
