"""Addresses, endpoints, state folders, table requests and outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.base.errors import StartError
from local.base.state_dir import StateDir
from local.endpoints import Endpoints
from local.runtime.invocation import Outcome
from local.services.addresses import Addresses
from local.services.database import create_table_request
from local.template.model import Index, KeyAttribute, Table
from tests.unit.local.stacks import stack

ADDRESSES = Addresses(
    management_port=1001,
    token_port=1002,
    lambda_port=1003,
    dynamodb_port=1004,
    websocket_port=1005,
)


def test_only_deployed_addresses_become_local() -> None:
    one = stack()
    deployed = one.aws.management_url("api", "dev")
    environment = {
        "ENDPOINT": deployed,
        "CALLBACK": deployed + "/@connections",
        "CLIENTS": deployed.replace("https:", "wss:"),
        "ISSUER": one.aws.issuer_url("pool"),
        "OTHER": "https://example.com/dev",
        "TABLE": "sessions",
    }
    assert ADDRESSES.localize(one, environment) == {
        "ENDPOINT": "http://127.0.0.1:1001/dev",
        "CALLBACK": "http://127.0.0.1:1001/dev/@connections",
        "CLIENTS": "ws://127.0.0.1:1005/dev",
        "ISSUER": "http://127.0.0.1:1002/pool",
        "OTHER": "https://example.com/dev",
        "TABLE": "sessions",
    }


def test_endpoints_round_trip_through_the_ready_line() -> None:
    endpoints = Endpoints("ws://a", "http://b", None, "http://c", "http://d")
    assert Endpoints.from_json(endpoints.as_json()) == endpoints
    assert endpoints.as_json()["websocketUrl"] == "ws://a"
    assert endpoints.as_json()["webUrl"] is None


def test_concurrent_runs_have_their_own_folders(tmp_path: Path) -> None:
    first = StateDir.acquire(tmp_path / "state")
    second = StateDir.acquire(tmp_path / "state")
    assert first.path == tmp_path / "state"
    assert second.path == tmp_path / "state" / "2"

    first.close()
    assert StateDir.acquire(tmp_path / "state").path == first.path
    second.close()


def test_too_many_runs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.base.state_dir._MAX_RUNS", 1)
    held = StateDir.acquire(tmp_path)
    with pytest.raises(StartError, match="run from"):
        StateDir.acquire(tmp_path)
    held.close()


def test_a_run_starts_without_old_logs(tmp_path: Path) -> None:
    state = StateDir.acquire(tmp_path)
    (state.fresh_logs() / "old.log").write_text("x")
    assert list(state.fresh_logs().iterdir()) == []
    state.close()


def test_the_create_table_request_of_a_table() -> None:
    key = KeyAttribute("id", "HASH")
    table = Table("t", (key,), {"id": "S"}, (Index("i", (key,), "INCLUDE", ("a",)),))
    assert create_table_request(table) == {
        "TableName": "t",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "i",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]},
            }
        ],
    }
    assert "GlobalSecondaryIndexes" not in create_table_request(Table("t", (key,), {"id": "S"}, ()))


def test_an_outcome_has_the_message_of_the_error() -> None:
    assert Outcome.failure("Kind", "why").error_message == "why"
    assert Outcome(b"{}").error_message == ""
    assert Outcome(b"not json", "Kind").error_message == ""
