"""`python -m local metrics`: the metrics of a running local stack, live."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.live import Live
from rich.table import Table

from local.base.errors import LocalError, NotRunningError
from local.base.state_dir import StateDir, is_running, logs_of
from local.metrics import table
from local.metrics.feed import Feed
from local.template import synth
from shared.utils.clock import Clock, SystemClock

_REFRESH_SECONDS = 1.0
_PIPE_WIDTH = 160


def main(arguments: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Show metrics until Ctrl-C or the stack's end; returns the exit status."""
    given = _parse(arguments)
    try:
        state = _state(given.state)
        with Feed(logs_of(state), clock or SystemClock()) as feed:
            if given.json:
                feed.read()
                print(json.dumps(feed.as_json()))
            elif given.once:
                feed.read()
                _console().print(_page(feed))
            else:
                _follow(feed, state)
    except LocalError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local metrics",
        description="Show what the functions of the local stack that started last count and time:"
        " of the last 10 seconds and since the stack's start. Of durations it shows how many and"
        " their percentiles of the last 10 seconds, or dim ones since the start if none were.",
    )
    parser.add_argument("--once", action="store_true", help="print one table and end")
    parser.add_argument("--json", action="store_true", help="print one JSON object and end")
    parser.add_argument(
        "--state",
        type=Path,
        default=synth.ROOT / ".local",
        metavar="FOLDER",
        help="where local stacks keep their state (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _state(base: Path) -> Path:
    state = StateDir.newest_running(base)
    if state is None:
        raise NotRunningError(base)
    return state


def _follow(feed: Feed, state: Path) -> None:
    stop = Event()
    running = True
    # Without a terminal only the last table is printed.
    with _until_asked(stop), Live(console=_console(), auto_refresh=False) as live:
        while True:
            # Before the logs are read: what a stack that ends writes last is read as well.
            running = is_running(state)
            feed.read()
            live.update(_page(feed), refresh=True)
            if not running or stop.wait(_REFRESH_SECONDS):
                break
    if not running:
        print("local: the stack has ended", file=sys.stderr)


@contextlib.contextmanager
def _until_asked(stop: Event) -> Iterator[None]:
    """Set `stop` at Ctrl-C or SIGTERM."""
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _console() -> Console:
    """A terminal as wide as it is; a pipe or a file as wide as the table may be."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


def _page(feed: Feed) -> Table:
    left_out = f", {feed.left_out} values of too many series left out" if feed.left_out else ""
    return table.table(feed.figures(), f"{feed.logs}{left_out}")
