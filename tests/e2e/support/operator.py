"""The operator of a stack: reads and changes rows and invokes functions, without any policy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from infrastructure.stage.config import stage_config
from local.endpoints import Endpoints
from local.gateway.websocket_events import new_id
from local.iam.credentials import LocalCredentials
from local.template.model import AwsEnvironment, Schedule
from local.triggers.schedules import scheduled_event
from shared.models.timers import RECONCILE

_EVERY_MINUTE = Schedule("sweep", AwsEnvironment().arn("events", "rule/sweep"), 60, ())

SESSIONS = "lingocast-dev-sessions"
CONNECTIONS = "lingocast-dev-connections"

Row = dict[str, Any]

_FILLING = b"x" * 120_000
# Many times the gateway's buffer and those of the sockets.
_MAX_FILLING_POSTS = 300

# The attributes of a connection's row before it joins a session.
_BEFORE_JOINING = {
    "connectionId",
    "connectedAt",
    "lastActivityTime",
    "activityBucket",
    "expiresAt",
    "userId",
}


class Operator:
    """Calls a running stack's services with the credentials of this machine's user."""

    def __init__(self, endpoints: Endpoints) -> None:
        keys = LocalCredentials()
        session = boto3.Session(
            keys.access_key, keys.secret_key, keys.token, AwsEnvironment().region
        )
        config = Config(read_timeout=60, retries={"total_max_attempts": 1}, proxies={})
        self._database: Any = session.client(
            "dynamodb", endpoint_url=endpoints.dynamodb_url, config=config
        )
        self._gateway: Any = session.client(
            "apigatewaymanagementapi", endpoint_url=endpoints.management_url, config=config
        )
        self._lambda: Any = session.client(
            "lambda", endpoint_url=endpoints.lambda_url, config=config
        )

    async def invoke(self, function: str, event: Row) -> Any:
        """Invoke a function, named as in the table of functions; returns its result."""
        answer = await asyncio.to_thread(
            self._lambda.invoke,
            FunctionName=stage_config("dev").resource_name(function),
            Payload=json.dumps(event).encode(),
        )
        return json.load(answer["Payload"])

    async def fill_buffer(self, connection_id: str) -> None:
        """Post to a client that does not read until API Gateway refuses more."""
        with contextlib.suppress(self._gateway.exceptions.LimitExceededException):
            for _ in range(_MAX_FILLING_POSTS):
                await asyncio.to_thread(
                    self._gateway.post_to_connection, ConnectionId=connection_id, Data=_FILLING
                )
            raise AssertionError("the client still reads")

    async def session(self, session_id: str) -> Row:
        """A session's row; empty if there is none."""
        return await self._get(SESSIONS, sessionId=session_id)

    async def sessions_of(self, owner: str) -> list[Row]:
        """The rows of a user's sessions."""
        return [row for row in await self._scan(SESSIONS) if row.get("owner") == owner]

    async def members(self, session_id: str) -> list[Row]:
        """The rows of the connections in a session."""
        rows = await self._scan(CONNECTIONS)
        return [row for row in rows if row.get("sessionId") == session_id]

    async def add_ghost(self, session_id: str, seat: str) -> str:
        """Add a connection that ended without $disconnect to a session; returns its id."""
        now = _now_ms()
        connection_id = new_id()
        row = {
            "connectionId": connection_id,
            "connectedAt": now,
            "lastActivityTime": now,
            "activityBucket": "0",
            "expiresAt": now // 1000 + 3600,
            "sessionId": session_id,
            "seat": seat,
        }
        await self.call("put_item", CONNECTIONS, Item=_stored(row))
        return connection_id

    async def make_idle(self, session_id: str, seat: str, seconds: int = 3_600) -> None:
        """Set back the last activity of the connections in a seat."""
        then = _now_ms() - seconds * 1_000
        for row in await self.members(session_id):
            if row["seat"] == seat:
                await self.call(
                    "update_item",
                    CONNECTIONS,
                    Key=_stored({"connectionId": row["connectionId"]}),
                    UpdateExpression="SET lastActivityTime = :then",
                    ExpressionAttributeValues=_stored({":then": then}),
                )

    async def empty_seat(self, connection_id: str) -> Row:
        """Take a connection's seat away without updating counters; returns the former row."""
        row = await self._get(CONNECTIONS, connectionId=connection_id)
        known = {name: value for name, value in row.items() if name in _BEFORE_JOINING}
        await self.put_connection(known)
        return row

    async def put_connection(self, row: Row) -> None:
        """Write a connection's row, new or not."""
        await self.call("put_item", CONNECTIONS, Item=_stored(row))

    async def connection(self, connection_id: str) -> Row:
        """A connection's row; empty if there is none."""
        return await self._get(CONNECTIONS, connectionId=connection_id)

    async def connection_ids(self) -> set[str]:
        """The ids of all rows of the connections table."""
        return {row["connectionId"] for row in await self._scan(CONNECTIONS)}

    async def open_connections(self) -> set[str]:
        """The connections that the service considers open."""
        rows = await self._scan(CONNECTIONS)
        return {row["connectionId"] for row in rows if "connectedAt" in row}

    async def marks(self) -> int:
        """The sum of all addresses' abusive connections."""
        rows = await self._scan(CONNECTIONS)
        return sum(int(row["marks"]) for row in rows if "marks" in row)

    async def mark_all(self, marks: int) -> None:
        """Set this number of abusive connections for every known address."""
        for row in await self._scan(CONNECTIONS):
            if "marks" in row:
                await self.put_connection({**row, "marks": marks})

    async def age(self, connection_id: str, attribute: str) -> None:
        """Set a time of a connection back by an hour, unless its row is gone."""
        with contextlib.suppress(self._database.exceptions.ConditionalCheckFailedException):
            await self.call(
                "update_item",
                CONNECTIONS,
                Key=_stored({"connectionId": connection_id}),
                UpdateExpression="SET #time = :then",
                ConditionExpression="attribute_exists(#time)",
                ExpressionAttributeNames={"#time": attribute},
                ExpressionAttributeValues=_stored({":then": _now_ms() - 3_600_000}),
            )

    async def age_counter_check(self, session_id: str) -> None:
        """Set the last check of a session's counters back by a minute."""
        then = _now_ms() - 60_000
        await self.change_session(session_id, "SET countsFinding.foundAt = :then", ":then", then)

    async def tick(self) -> None:
        """Run the scheduled rule of every minute."""
        event = scheduled_event(_EVERY_MINUTE, AwsEnvironment(), _now_ms())
        answer = await self.invoke("timeout", event)
        assert answer is None, answer

    async def reconcile(self) -> None:
        """Run the scheduled rule of every five minutes."""
        answer = await self.invoke("timeout", {"task": RECONCILE})
        assert answer is None, answer

    async def expire_grace_period(self, session_id: str) -> None:
        """Let the grace period of the session's speaker expire."""
        await self.change_session(session_id, "SET graceUntil = :now", ":now", 1)

    async def change_session(self, session_id: str, update: str, name: str, value: object) -> None:
        """Update a session's row with one value."""
        await self.call(
            "update_item",
            SESSIONS,
            Key=_stored({"sessionId": session_id}),
            UpdateExpression=update,
            ExpressionAttributeValues=_stored({name: value}),
        )

    async def _get(self, table: str, **key: str) -> Row:
        answer = await self.call("get_item", table, Key=_stored(key), ConsistentRead=True)
        return _loaded(answer.get("Item", {}))

    async def _scan(self, table: str) -> list[Row]:
        answer = await self.call("scan", table, ConsistentRead=True)
        assert "LastEvaluatedKey" not in answer
        return [_loaded(item) for item in answer["Items"]]

    async def call(self, operation: str, table: str, **arguments: Any) -> Any:
        """Call an operation on a table, in DynamoDB's own types."""
        call = getattr(self._database, operation)
        return await asyncio.to_thread(call, TableName=table, **arguments)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _stored(values: Row) -> Row:
    return {key: TypeSerializer().serialize(value) for key, value in values.items()}


def _loaded(values: Row) -> Row:
    return {key: TypeDeserializer().deserialize(value) for key, value in values.items()}
