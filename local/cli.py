"""The command line: serve the stack on this machine until Ctrl-C."""

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
from local.identity.cognito_issuer import DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS
from local.local_stack import LocalStack, Options
from local.overrides import function_settings, service_endpoints
from shared.utils.settings import SettingsError
from shared.utils.text_arguments import check_text_arguments

DEFAULT_PORT = 8765

# What to do with a running stack; the client's own help says more.
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
Ctrl-C stops everything; sessions are forgotten then."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; returns the exit status."""
    options, ready_json = _parse(arguments)
    # Handshakes that clients give up are no news.
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        processes.raise_open_files_limit()
        return uvloop.run(_run(options, ready_json=ready_json))
    except LocalError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Serve the stack on this machine until Ctrl-C.",
        epilog="python -m local metrics shows the figures of a stack that runs; see its --help.",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="port of the WebSocket API, the next one gives out tokens, the one after that is the"
        " HTTP API's; 0 takes free ones"
        " (default: %(default)s)",
    )
    parser.add_argument("--stage", default="dev", help="stage to run (default: %(default)s)")
    parser.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help="a synthesized template to run, instead of synthesizing app.py",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="a setting of the functions, before the environment variable of that name, say"
        " SHARD_SIZE=10; repeat for more (not with --template)",
    )
    parser.add_argument(
        "--source",
        type=Path,
        metavar="FOLDER",
        help="the functions' code of a --template; a change there is run at once",
    )
    parser.add_argument(
        "--no-reload",
        action="store_true",
        help="run the code as it is now, whatever changes",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="warm workers of each function (default: 1, of busy functions 2)",
    )
    parser.add_argument(
        "--schedule-seconds",
        type=float,
        metavar="S",
        help="run the stack's scheduled rules every so many seconds, 0.1 to 3600, instead of every"
        " minute or whatever they say",
    )
    parser.add_argument(
        "--token-seconds",
        type=int,
        default=DEFAULT_LIFETIME_SECONDS,
        metavar="S",
        help="how long tokens last that do not ask for another time (default: %(default)s)",
    )
    parser.add_argument(
        "--throttles",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="multiply API Gateway's limits of requests, of the stage's routes and the account, by"
        " this, 0 to 100; 0 throttles nothing, for load tests (default: %(default)g)",
    )
    parser.add_argument(
        "--no-verify-signatures",
        action="store_true",
        help="accept calls of functions without checking who signed them and what they may do",
    )
    parser.add_argument(
        "--ready-json",
        action="store_true",
        help="print one line of JSON on standard output when everything is up",
    )
    check_text_arguments(parser)
    given = parser.parse_args(arguments)
    if not 0 <= given.port <= 65_535:
        parser.error("--port: expected 0 to 65535")
    if given.workers is not None and not 1 <= given.workers <= 32:
        parser.error("--workers: expected 1 to 32")
    if given.schedule_seconds is not None and not 0.1 <= given.schedule_seconds <= 3_600:
        parser.error("--schedule-seconds: expected 0.1 to 3600")
    if not 1 <= given.token_seconds <= MAX_LIFETIME_SECONDS:
        parser.error(f"--token-seconds: expected 1 to {MAX_LIFETIME_SECONDS}")
    if not 0 <= given.throttles <= 100:
        parser.error("--throttles: expected 0 to 100")
    if given.settings and given.template:
        parser.error("--set: the values stand in the template already")
    try:
        settings = function_settings(given.settings, os.environ)
    except SettingsError as error:
        parser.error(f"--set: {error}")
    if given.source is not None and (given.template is None or not given.source.is_dir()):
        parser.error("--source: expected a folder, and a --template beside it")
    options = Options(
        port=given.port,
        stage=given.stage,
        template=given.template,
        reload=not given.no_reload,
        source=given.source,
        verify_signatures=not given.no_verify_signatures,
        warm=given.workers,
        settings=settings,
        endpoints=service_endpoints(os.environ),
        schedule_seconds=given.schedule_seconds,
        token_seconds=given.token_seconds,
        throttle_factor=given.throttles,
    )
    return options, given.ready_json


async def _run(options: Options, *, ready_json: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    stack = LocalStack(options, progress=_progress, report=_report)
    running = asyncio.ensure_future(_serve(stack, stop, ready_json=ready_json))
    for number in (signal.SIGINT, signal.SIGTERM):
        # A second one, while the stack starts or stops, is the same wish.
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
    """Start, say so, and wait; returns only if something fails."""
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
    # The client knows the default address, and from any address of a local server its tokens.
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
