"""Duration of the reads and writes of leases, on the local stack's database.

    python -m benchmarks.capacity.lease_reads

An indication only: the database is dynalite on this machine. The last line is a JSON object with
medians in ms by number of interpreters: the session's row alone, with all leases, and a renewal.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.figures import log
from local.base.aws_settings import clear_aws_settings
from local.endpoints import Endpoints
from local.iam.credentials import LocalCredentials
from local.launch import UNTHROTTLED, launch
from local.template.model import AwsEnvironment
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.table import Table
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.connection import Connection, Membership, Seat
from shared.models.session import Session
from shared.models.succession_rules import acquire
from shared.utils.standard_streams import standard_streams

INTERPRETERS = (1, 20, 65)
ROUNDS = 300
NOW = 1_700_000_000_000


def tables(endpoints: Endpoints) -> tuple[Table, Table]:
    """The stack's tables of sessions and connections."""
    keys = LocalCredentials()
    session = boto3.Session(keys.access_key, keys.secret_key, keys.token, AwsEnvironment().region)
    client: Any = session.client(
        "dynamodb", endpoint_url=endpoints.dynamodb_url, config=Config(proxies={})
    )
    return (
        Table(client, "lingocast-dev-sessions", schema.SESSION_ID),
        Table(client, "lingocast-dev-connections", schema.CONNECTION_ID),
    )


def seat_interpreters(sessions: Table, connections: Table, count: int) -> tuple[str, list[str]]:
    """Store a session with interpreters; return its ID and their connections."""
    session_id = f"session-of-{count}"
    names = {f"l{number}": f"interpreter-{count:03}-{number:03}" for number in range(count)}
    SessionsRepository(sessions).create(
        Session(
            session_id=session_id,
            owner="alice",
            speaker_connection_id="speaker",
            speaker_epoch=1,
            source_language="en",
            quality_tier="standard",
            audio_format=AudioFormat(),
            created_at=NOW,
            max_listeners=1_000,
            channels={name: acquire(None, who, "human", NOW) for name, who in names.items()},
        )
    )
    repository = ConnectionsRepository(connections)
    for language, name in names.items():
        repository.register(Connection(name, name, NOW, NOW))
        seat = Seat("interpreter", language)
        repository.take_seat(name, Membership(session_id, seat), now_ms=NOW)
    return session_id, list(names.values())


def median_ms(call: Callable[[], object]) -> float:
    """The median duration of a call."""
    durations = []
    for _ in range(ROUNDS):
        started_at = time.perf_counter()
        call()
        durations.append((time.perf_counter() - started_at) * 1_000)
    return round(statistics.median(durations), 2)


def measure(endpoints: Endpoints, count: int) -> dict[str, float]:
    """Measure with this number of interpreters."""
    sessions, connections = tables(endpoints)
    session_id, interpreters = seat_interpreters(sessions, connections, count)
    leases = InterpreterLeases(sessions, connections)
    return {
        "session": median_ms(lambda: leases.session(session_id, ())),
        "with_own_lease": median_ms(lambda: leases.session(session_id, interpreters[:1])),
        "with_all_leases": median_ms(lambda: leases.session(session_id, interpreters)),
        "renewal": median_ms(
            lambda: leases.renew(interpreters[0], session_id, "l0", until=NOW, heard_at=NOW)
        ),
    }


def main() -> None:
    """Start a stack, measure and print the result."""
    log("starting the local stack")
    with launch(extra_args=UNTHROTTLED) as endpoints:
        result = {count: measure(endpoints, count) for count in INTERPRETERS}
    print(json.dumps(result))


if __name__ == "__main__":
    clear_aws_settings()
    with standard_streams():
        main()
