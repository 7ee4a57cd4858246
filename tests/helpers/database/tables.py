"""The stack's tables in moto, and repositories over the database in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.interpreter_channels import InterpreterChannels
from shared.data_access.interpreter_leases import InterpreterLeases
from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.table import Table
from shared.models import schema
from tests.helpers.database.faster_moto import faster_moto

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SESSIONS = "sessions"
CONNECTIONS = "connections"
ANNOUNCEMENTS = "announcements"
DEVICES = "devices"


# Stack of databases set by `using`. Without one, tests use moto.
_in_use: list[Any] = []


def dynamodb() -> DynamoDBClient:
    """The client of the database in use: that of `using`, or else moto's.

    moto's client works within `moto_tables`.
    """
    client: DynamoDBClient = _in_use[-1] if _in_use else _moto_client()
    return client


@cache
def _moto_client() -> DynamoDBClient:
    # Creating a client takes longer than most tests. moto replaces botocore's transport alone.
    return boto3.client("dynamodb")


@contextmanager
def using(database: Any) -> Iterator[None]:
    """Work on this database until the end of the block."""
    _in_use.append(database)
    try:
        yield
    finally:
        _in_use.pop()


@contextmanager
def moto_tables() -> Iterator[None]:
    """All tables, empty, in moto's memory."""
    with mock_aws(), faster_moto(), using(_moto_client()):
        client = _moto_client()
        client.create_table(
            TableName=SESSIONS,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": schema.SESSION_ID, "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": schema.SESSION_ID, "AttributeType": "S"},
                {"AttributeName": schema.ACTIVE_BUCKET, "AttributeType": "S"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": schema.ACTIVE_INDEX,
                    "KeySchema": [
                        {"AttributeName": schema.ACTIVE_BUCKET, "KeyType": "HASH"},
                        {"AttributeName": schema.SESSION_ID, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        client.create_table(
            TableName=CONNECTIONS,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": schema.CONNECTION_ID, "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": schema.CONNECTION_ID, "AttributeType": "S"},
                {"AttributeName": schema.SESSION_ID, "AttributeType": "S"},
                {"AttributeName": schema.SEAT, "AttributeType": "S"},
                {"AttributeName": schema.ACTIVITY_BUCKET, "AttributeType": "S"},
                {"AttributeName": schema.LAST_ACTIVITY_TIME, "AttributeType": "N"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": schema.AUDIENCE_INDEX,
                    "KeySchema": [
                        {"AttributeName": schema.SESSION_ID, "KeyType": "HASH"},
                        {"AttributeName": schema.SEAT, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                },
                {
                    "IndexName": schema.IDLE_INDEX,
                    "KeySchema": [
                        {"AttributeName": schema.ACTIVITY_BUCKET, "KeyType": "HASH"},
                        {"AttributeName": schema.LAST_ACTIVITY_TIME, "KeyType": "RANGE"},
                    ],
                    "Projection": {
                        "ProjectionType": "INCLUDE",
                        "NonKeyAttributes": list(schema.PRESENCE),
                    },
                },
            ],
        )
        client.create_table(
            TableName=ANNOUNCEMENTS,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": schema.ANNOUNCEMENT_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": schema.ANNOUNCEMENT_KEY, "AttributeType": "S"}],
        )
        client.create_table(
            TableName=DEVICES,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": schema.USER_ID, "KeyType": "HASH"},
                {"AttributeName": schema.DEVICE_ITEM, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": schema.USER_ID, "AttributeType": "S"},
                {"AttributeName": schema.DEVICE_ITEM, "AttributeType": "S"},
                {"AttributeName": schema.ONLINE_BUCKET, "AttributeType": "S"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": schema.ONLINE_INDEX,
                    "KeySchema": [
                        {"AttributeName": schema.ONLINE_BUCKET, "KeyType": "HASH"},
                        {"AttributeName": schema.USER_ID, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        yield


def sessions_repository(client: Any = None) -> SessionsRepository:
    """A repository over the sessions table."""
    return SessionsRepository(Table(client or dynamodb(), SESSIONS, schema.SESSION_ID))


def interpreter_channels() -> InterpreterChannels:
    """Channels over the sessions table."""
    return InterpreterChannels(Table(dynamodb(), SESSIONS, schema.SESSION_ID))


def interpreter_leases() -> InterpreterLeases:
    """Leases over the tables of sessions and connections."""
    return InterpreterLeases(
        Table(dynamodb(), SESSIONS, schema.SESSION_ID),
        Table(dynamodb(), CONNECTIONS, schema.CONNECTION_ID),
    )


def connections_repository(client: Any = None) -> ConnectionsRepository:
    """A repository over the connections table."""
    return ConnectionsRepository(Table(client or dynamodb(), CONNECTIONS, schema.CONNECTION_ID))


def devices_table() -> Table:
    """The devices table."""
    return Table(dynamodb(), DEVICES, (schema.USER_ID, schema.DEVICE_ITEM))
