"""How far one session is from each quota: the table in docs/scale.md.

`python -m benchmarks.capacity.quotas` updates it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from benchmarks.capacity.metered_dynamodb import READ_BYTES, Kind, Units
from benchmarks.capacity.metered_session import CHUNKS_PER_SECOND, Usage, meter
from shared.models import schema
from tests.helpers.database.tables import CONNECTIONS, SESSIONS

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- quotas: begin -->", "<!-- quotas: end -->"

# Time in which the audience arrives (s).
_ARRIVAL_SECONDS = 60
# Time that a chunk takes a function (s), and the recipients of a shard.
_CHUNK_SECONDS = 0.2
_SHARD_SIZE = 500
# Interval of a listener's heartbeats (s). Interpreters send one each second.
_HEARTBEAT_SECONDS = 30
_AUDIENCE = f"{CONNECTIONS}/{schema.AUDIENCE_INDEX}"
# Quotas of an account and Region, a DynamoDB partition, and a new table (docs/operations.md).
_API_REQUESTS, _API_REQUESTS_SMALL, _NEW_CONNECTIONS = 10_000, 2_500, 500
_CONCURRENCY = 1_000
_PARTITION_WRITES, _PARTITION_READS = 1_000, 3_000
_TABLE_WRITES = 4_000


@dataclass(frozen=True)
class Event:
    """A session's size. Each language has an interpreter, and a stand-by if `standbys`."""

    listeners: int
    interpreters: int
    standbys: bool = False

    @property
    def joins(self) -> float:
        """Joins a second."""
        return self.listeners / _ARRIVAL_SECONDS

    @property
    def share(self) -> float:
        """Listeners of a language."""
        return self.listeners / self.interpreters

    @property
    def label(self) -> str:
        """Heading of the table's column."""
        plural = "s" if self.interpreters > 1 else ""
        waiting = ", a stand-by each" if self.standbys else ""
        listeners = f"{thousands(self.listeners)} listeners"
        return f"{listeners}, {self.interpreters} interpreter{plural}{waiting}"

    def api_requests(self) -> float:
        """Deliveries, chunks sent, and heartbeats with their answers."""
        seated = self.interpreters * (1 + self.standbys)
        chunks = self.listeners + seated + self.interpreters + 1
        return chunks * CHUNKS_PER_SECOND + 2 * seated + 2 * self.listeners / _HEARTBEAT_SECONDS

    def executions(self) -> float:
        """Fan-outs at the same time, with the shards of those above SHARD_SIZE."""
        shards = ceil(self.share / _SHARD_SIZE) if self.share > _SHARD_SIZE else 0
        return CHUNKS_PER_SECOND * _CHUNK_SECONDS * (1 + self.interpreters * (1 + shards))


EVENTS = (
    Event(100, 1),
    Event(1_000, 5),
    Event(3_000, 20),
    Event(10_000, 65),
    Event(10_000, 65, standbys=True),
)


@dataclass(frozen=True)
class MeteredEvent:
    """An event with what the code uses for it. Units are those of a second."""

    event: Event
    usage: Usage

    def of_session(self, kind: Kind, name: str) -> float:
        """Units of the session's partition in a table or index."""
        partition = (name, self.usage.session_id)
        joins = self.usage.join.of(kind)[partition] * self.event.joins
        return self.usage.second.of(kind)[partition] + joins

    def of_busiest_connection(self, kind: Kind) -> float:
        """Units of the connection row with the most."""
        units = self.usage.second.of(kind).items()
        return max(count for (table, _), count in units if table == CONNECTIONS)

    def roster_reads(self) -> float:
        """Read units of the floor's roster and of each language's seats, once a second each."""

        def units(members: float) -> float:
            return max(ceil(members * self.usage.member_bytes / READ_BYTES), 1) / 2

        event = self.event
        return units(event.listeners) + event.interpreters * units(event.share)

    def connection_writes(self) -> float:
        """Write units of the connections table and its indexes."""
        joins = _connection_writes(self.usage.join) * self.event.joins
        return _connection_writes(self.usage.second) + joins

    def most_joins(self) -> float:
        """Joins a second at which the session's row reaches its write units."""
        return _PARTITION_WRITES / self.usage.join.writes[SESSIONS, self.usage.session_id]


def _connection_writes(units: Units) -> float:
    written = units.writes.items()
    return sum(count for (name, _), count in written if name.startswith(CONNECTIONS))


def render() -> str:
    """Render the table: what each event needs, and its share of the quota."""
    metered = [
        MeteredEvent(event, meter(event.interpreters, standbys=event.standbys)) for event in EVENTS
    ]
    api = [event.api_requests() for event in EVENTS]
    rows: list[tuple[str, int, Sequence[float]]] = [
        ("API Gateway: requests", _API_REQUESTS, api),
        ("the same in thirteen Regions", _API_REQUESTS_SMALL, api),
        ("API Gateway: new connections", _NEW_CONNECTIONS, [event.joins for event in EVENTS]),
        ("Lambda: executions at a time", _CONCURRENCY, [each.executions() for each in EVENTS]),
        (
            "session's row: write units",
            _PARTITION_WRITES,
            [each.of_session("writes", SESSIONS) for each in metered],
        ),
        (
            "session's row: read units",
            _PARTITION_READS,
            [each.of_session("reads", SESSIONS) for each in metered],
        ),
        (
            "an interpreter's row: write units",
            _PARTITION_WRITES,
            [each.of_busiest_connection("writes") for each in metered],
        ),
        (
            "an interpreter's row: read units",
            _PARTITION_READS,
            [each.of_busiest_connection("reads") for each in metered],
        ),
        (
            "session in index `audience`: write units",
            _PARTITION_WRITES,
            [each.of_session("writes", _AUDIENCE) for each in metered],
        ),
        (
            "session in index `audience`: read units",
            _PARTITION_READS,
            [each.roster_reads() for each in metered],
        ),
        (
            "connections, with indexes: write units",
            _TABLE_WRITES,
            [each.connection_writes() for each in metered],
        ),
    ]
    lines = [
        f"| a second | quota | {' | '.join(event.label for event in EVENTS)} |",
        "|---|---|" + "---|" * len(EVENTS),
        *(_line(name, thousands(limit), _shares(values, limit)) for name, limit, values in rows),
        _line("bytes of the session's row", "", [_plain(e.usage.session_bytes) for e in metered]),
        _line("joins that its write units allow", "", [_plain(e.most_joins()) for e in metered]),
    ]
    return "\n".join(lines)


def _line(name: str, limit: str, cells: Sequence[str]) -> str:
    return f"| {name} | {limit} | {' | '.join(cells)} |"


def _shares(values: Sequence[float], limit: int) -> list[str]:
    """Each value with its share of the quota, bold above it."""
    cells = []
    for value in values:
        text = f"{thousands(value)} ({ceil(100 * value / limit)} %)"
        cells.append(f"**{text}**" if value > limit else text)
    return cells


def _plain(value: float) -> str:
    return thousands(int(value))


def thousands(value: float) -> str:
    """A number, rounded up, with spaces between thousands."""
    return f"{ceil(value):,}".replace(",", " ")


def written() -> str:
    """The table in the document."""
    text = DOCUMENT.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


def update() -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{render()}\n\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    # The functions' clients need them, though they make no calls.
    for variable in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[variable] = "none"
    update()
    sys.stdout.write(f"{written()}\n")
