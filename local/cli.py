"""The command line: serves the stack on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from local.base import processes
from local.base.errors import LocalError
from local.base.loopback import HOST
from local.endpoints import Endpoints
from local.faults import fault_file
from local.identity.cognito_issuer import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS
from local.local_stack import LocalStack, Options
from local.overrides import function_settings, service_endpoints
from shared.utils.settings import SettingsError
from shared.utils.text_arguments import check_text_arguments

DEFAULT_PORT = 8765

# The commands to try next; their own help says more.
_USAGE = """\
Lingocast runs at {websocket_url}{http}

  speak      python -m cli speak FILE.wav --wait 20{url}
  listen     python -m cli listen SESSION --language es{url}
  interpret  python -m cli interpret SESSION FILE.wav --language es{url}
  announce   python -m cli announce "Lunch at noon"{url}
  devices    python -m cli devices{url}
  metrics    python -m local metrics
  token      curl --data '{{"sub": "alice", "groups": ["speakers"]}}' {token_url}

Logs of the functions: {logs}
Ctrl-C stops the stack and deletes its sessions."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; returns the exit status."""
    options, ready_json = _parse(arguments)
    # Abandoned handshakes are not worth a warning.
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        processes.prepare_for_connections()
        return uvloop.run(_run(options, ready_json=ready_json))
    except LocalError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Serve the stack on this machine until Ctrl-C.",
        epilog="python -m local metrics shows the metrics of a running stack; see its --help.",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="port of the WebSocket API; the next port issues tokens, the one after that serves the"
        " HTTP API; 0 takes free ports (default: %(default)s)",
    )
    parser.add_argument("--stage", default="dev", help="stage to run (default: %(default)s)")
    parser.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help="synthesized template to run, instead of synthesizing app.py",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="setting of the functions, for example SHARD_SIZE=10; overrides the variable of that"
        " name; can be repeated (not with --template)",
    )
    parser.add_argument(
        "--source",
        type=Path,
        metavar="FOLDER",
        help="folder with the functions' code of a --template; changes there are reloaded",
    )
    parser.add_argument(
        "--no-reload",
        action="store_true",
        help="do not reload changed code",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="warm workers per function (default: 1, and 2 for busy functions)",
    )
    parser.add_argument(
        "--schedule-seconds",
        type=float,
        metavar="S",
        help="period of all scheduled rules in seconds, 0.1 to 3600, instead of their own",
    )
    parser.add_argument(
        "--token-seconds",
        type=int,
        default=DEFAULT_LIFETIME_SECONDS,
        metavar="S",
        help="default lifetime of tokens in seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--throttles",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="factor for API Gateway's request limits of the routes and the account, 0 to 100; 0"
        " disables throttling, for load tests (default: %(default)g)",
    )
    parser.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="faults to inject, as TOML or JSON; see docs/faults.md",
    )
    parser.add_argument(
        "--no-verify-signatures",
        action="store_true",
        help="accept calls of functions without checking signatures and permissions",
    )
    parser.add_argument(
        "--ready-json",
        action="store_true",
        help="print the addresses as one line of JSON when the stack is ready",
    )
    check_text_arguments(parser)
    parsed = parser.parse_args(arguments)
    if not 0 <= parsed.port <= 65_535:
        parser.error("--port: expected 0 to 65535")
    if parsed.workers is not None and not 1 <= parsed.workers <= 32:
        parser.error("--workers: expected 1 to 32")
    if parsed.schedule_seconds is not None and not 0.1 <= parsed.schedule_seconds <= 3_600:
        parser.error("--schedule-seconds: expected 0.1 to 3600")
    if not 1 <= parsed.token_seconds <= MAX_LIFETIME_SECONDS:
        parser.error(f"--token-seconds: expected 1 to {MAX_LIFETIME_SECONDS}")
    if not 0 <= parsed.throttles <= 100:
        parser.error("--throttles: expected 0 to 100")
    if parsed.settings and parsed.template:
        parser.error("--set: not possible with --template, which has its settings built in")
    try:
        settings = function_settings(parsed.settings, os.environ)
    except SettingsError as error:
        parser.error(f"--set: {error}")
    if parsed.source is not None and (parsed.template is None or not parsed.source.is_dir()):
        parser.error("--source: expected a folder, together with --template")
    try:
        faults = fault_file.load(parsed.faults) if parsed.faults is not None else None
    except fault_file.FaultFileError as error:
        parser.error(f"--faults: {error}")
    options = Options(
        port=parsed.port,
        stage=parsed.stage,
        template=parsed.template,
        reload=not parsed.no_reload,
        source=parsed.source,
        verify_signatures=not parsed.no_verify_signatures,
        warm=parsed.workers,
        settings=settings,
        endpoints=service_endpoints(os.environ),
        schedule_seconds=parsed.schedule_seconds,
        token_seconds=parsed.token_seconds,
        throttle_factor=parsed.throttles,
        faults=faults,
    )
    return options, parsed.ready_json


async def _run(options: Options, *, ready_json: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    stack = LocalStack(options, progress=_progress, report=_report)
    running = asyncio.ensure_future(_serve(stack, stop, ready_json=ready_json))
    for number in (signal.SIGINT, signal.SIGTERM):
        # A second signal while the stack starts or stops changes nothing.
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        running.cancel()
        await asyncio.wait((running,))
    await stack.stop()
    return 0 if running.cancelled() else running.result()


async def _serve(stack: LocalStack, stop: asyncio.Event, *, ready_json: bool) -> int:
    """Start the stack, print its addresses, and wait; returns only after a failure."""
    endpoints = await stack.start()
    if ready_json:
        print(json.dumps(endpoints.as_json()), flush=True)
    else:
        print(_summary(endpoints, stack.logs), flush=True)
    failure = await stack.failed()
    if not stop.is_set():
        _report(failure)
    return 1


def _summary(endpoints: Endpoints, logs: Path | None) -> str:
    # Clients default to this address, and find the token issuer of any local stack.
    address = endpoints.websocket_url
    default = address == f"ws://{HOST}:{DEFAULT_PORT}/dev"
    return _USAGE.format(
        websocket_url=address,
        http=f", its HTTP API at {endpoints.http_url}" if endpoints.http_url else "",
        url="" if default else f" --url {address}",
        token_url=endpoints.token_url,
        logs=logs,
    )


def _progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _report(line: str) -> None:
    print(f"local: {line}", file=sys.stderr, flush=True)
