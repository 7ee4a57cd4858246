"""Connections that become idle."""

from __future__ import annotations

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS
from tests.helpers.database.tables import CONNECTIONS, dynamodb
from tests.helpers.world import World

IDLE_MS = 120_000


def pass_idle_time(world: World, *alive: str, milliseconds: int = IDLE_MS) -> None:
    """Let time pass in which only the `alive` connections send heartbeats."""
    for _ in range(milliseconds // ACTIVITY_INTERVAL_MS):
        world.clock.advance(ACTIVITY_INTERVAL_MS)
        for connection in alive:
            world.ask(connection, "heartbeat")


def is_known(world: World, connection: str) -> bool:
    """Whether the connection has a row."""
    return world.connections.get(connection) is not None


def update_connection(connection: str, update: str, **values: int) -> None:
    """Apply an update expression to a connection's row."""
    dynamodb().update_item(
        TableName=CONNECTIONS,
        Key={"connectionId": {"S": connection}},
        UpdateExpression=update,
        ExpressionAttributeValues={f":{name}": {"N": str(item)} for name, item in values.items()},
    )
