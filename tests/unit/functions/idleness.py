"""Connections that fall silent, while time passes for all."""

from __future__ import annotations

from shared.data_access.connections_repository import ACTIVITY_INTERVAL_MS
from tests.helpers.database.tables import CONNECTIONS, dynamodb
from tests.helpers.world import World

IDLE_MS = 120_000


def idle(world: World, *alive: str, milliseconds: int = IDLE_MS) -> None:
    """Time passes in which only some are heard of."""
    for _ in range(milliseconds // ACTIVITY_INTERVAL_MS):
        world.clock.advance(ACTIVITY_INTERVAL_MS)
        for connection in alive:
            world.ask(connection, "heartbeat")


def known(world: World, connection: str) -> bool:
    return world.connections.get(connection) is not None


def change_row(connection: str, update: str, **values: int) -> None:
    dynamodb().update_item(
        TableName=CONNECTIONS,
        Key={"connectionId": {"S": connection}},
        UpdateExpression=update,
        ExpressionAttributeValues={f":{name}": {"N": str(item)} for name, item in values.items()},
    )
