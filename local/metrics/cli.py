"""`python -m local metrics`: shows the metrics of a running local stack."""

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
from local.base.state_dir import StateDir, is_running, logs_folder
from local.metrics.reader import MetricsReader
from local.metrics.table import metrics_table
from local.template import synthesis
from shared.utils.clock import Clock, SystemClock

_REFRESH_SECONDS = 1.0
_PIPE_WIDTH = 160


def main(arguments: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Show metrics until Ctrl-C or the end of the stack; returns the exit status."""
    options = _parse(arguments)
    try:
        state = StateDir.newest_running(options.state)
        if state is None:
            raise NotRunningError(options.state)
        reader = MetricsReader(logs_folder(state), clock or SystemClock())
        if options.json:
            reader.read()
            print(json.dumps(reader.as_json()))
        elif options.once:
            reader.read()
            _console().print(_table(reader))
        else:
            _follow(reader, state)
    except LocalError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local metrics",
        description="Show the metrics of the local stack that started last: of the last 10 seconds"
        " and of the whole run. Durations show their count and percentiles; dim percentiles are of"
        " the whole run, because the last 10 seconds had no values.",
    )
    parser.add_argument("--once", action="store_true", help="print one table and exit")
    parser.add_argument("--json", action="store_true", help="print one JSON object and exit")
    parser.add_argument(
        "--state",
        type=Path,
        default=synthesis.ROOT / ".local",
        metavar="FOLDER",
        help="folder in which local stacks keep their state (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _follow(reader: MetricsReader, state: Path) -> None:
    stop = Event()
    running = True
    # Without a terminal, Live prints only the last table.
    with _set_on_signal(stop), Live(console=_console(), auto_refresh=False) as live:
        while True:
            # Checked before reading, so that the last lines of a stack that ends are read, too.
            running = is_running(state)
            reader.read()
            live.update(_table(reader), refresh=True)
            if not running or stop.wait(_REFRESH_SECONDS):
                break
    if not running:
        print("local: the stack has ended", file=sys.stderr)


@contextlib.contextmanager
def _set_on_signal(stop: Event) -> Iterator[None]:
    """Set `stop` on Ctrl-C or SIGTERM."""
    previous = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _console() -> Console:
    """A console with the terminal's width, or a wide one for pipes and files."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


def _table(reader: MetricsReader) -> Table:
    return metrics_table(reader.summaries(), str(reader.logs))
