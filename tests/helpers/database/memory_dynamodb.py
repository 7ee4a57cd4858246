"""DynamoDB in memory, without the work of a protocol: some fifty times as fast as moto.

It has the tables of the stack and what the repositories ask for; the same contract suite runs
against moto.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from shared.models import schema
from tests.helpers.database.expressions import Expression, Wire
from tests.helpers.database.tables import ANNOUNCEMENTS, CONNECTIONS, DEVICES, SESSIONS

_KEYS = {
    SESSIONS: (schema.SESSION_ID,),
    CONNECTIONS: (schema.CONNECTION_ID,),
    ANNOUNCEMENTS: (schema.ANNOUNCEMENT_KEY,),
    DEVICES: (schema.USER_ID, schema.DEVICE_ITEM),
}
# The keys of each index, and what it holds beside them and the table's own.
_INDEXES: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    schema.ACTIVE_INDEX: ((schema.ACTIVE_BUCKET, schema.SESSION_ID), ()),
    schema.AUDIENCE_INDEX: ((schema.SESSION_ID, schema.SEAT), ()),
    schema.IDLE_INDEX: ((schema.ACTIVITY_BUCKET, schema.LAST_ACTIVITY_TIME), schema.PRESENCE),
    schema.ONLINE_INDEX: ((schema.ONLINE_BUCKET, schema.USER_ID), ()),
}


class MemoryDynamoDB:
    """A client of one account with the stack's tables, empty at first."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[str, ...], Wire]] = {name: {} for name in _KEYS}

    def get_item(self, **asked: Any) -> Any:
        item = self._of(asked["TableName"]).get(_key(asked["TableName"], asked["Key"]))
        return {} if item is None else {"Item": item}

    def batch_get_item(self, **asked: Any) -> Any:
        ((table, request),) = asked["RequestItems"].items()
        found = (self._of(table).get(_key(table, key)) for key in request["Keys"])
        return {"Responses": {table: [item for item in found if item is not None]}}

    def put_item(self, **asked: Any) -> Any:
        table, item = asked["TableName"], asked["Item"]
        before = self._checked("PutItem", table, item, asked)
        self._of(table)[_key(table, item)] = item
        return _old(before, asked)

    def update_item(self, **asked: Any) -> Any:
        table, key = asked["TableName"], asked["Key"]
        before = self._checked("UpdateItem", table, key, asked)
        text = asked["UpdateExpression"]
        expression = self._expression(text, key if before is None else before, asked)
        self._of(table)[_key(table, key)] = expression.updated()
        return _old(before, asked)

    def delete_item(self, **asked: Any) -> Any:
        table, key = asked["TableName"], asked["Key"]
        before = self._checked("DeleteItem", table, key, asked)
        self._of(table).pop(_key(table, key), None)
        return _old(before, asked)

    def query(self, **asked: Any) -> Any:
        table, index = asked["TableName"], asked.get("IndexName")
        keys, kept = _INDEXES[index] if index else (_KEYS[table], None)
        found = [
            item
            for item in self._of(table).values()
            if all(name in item for name in keys)
            and self._expression(asked["KeyConditionExpression"], item, asked).holds()
        ]
        found.sort(key=lambda item: _order(item[keys[1]]))
        if kept is not None:
            names = {*keys, *kept, *_KEYS[table]}
            found = [{name: item[name] for name in item if name in names} for item in found]
        return _page(found, asked, (*_KEYS[table], *keys))

    def scan(self, **asked: Any) -> Any:
        return {"Items": list(self._of(asked["TableName"]).values())}

    def delete_table(self, **asked: Any) -> Any:
        del self._rows[asked["TableName"]]

    def _of(self, table: str) -> dict[tuple[str, ...], Wire]:
        if table not in self._rows:
            response: Any = {
                "Error": {"Code": "ResourceNotFoundException", "Message": "no such table"},
                "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
            }
            raise ClientError(response, "")
        return self._rows[table]

    def _checked(self, operation: str, table: str, key: Wire, arguments: Any) -> Wire | None:
        """The row before a write. Raises what DynamoDB does if the condition fails."""
        before = self._of(table).get(_key(table, key))
        condition = arguments.get("ConditionExpression")
        if condition is None or self._expression(condition, before, arguments).holds():
            return before
        response: Any = {
            "Error": {"Code": "ConditionalCheckFailedException", "Message": "refused"},
            "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
        }
        if before is not None and arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            response["Item"] = before
        raise ClientError(response, operation)

    @staticmethod
    def _expression(text: str, item: Wire | None, arguments: Any) -> Expression:
        names = arguments.get("ExpressionAttributeNames", {})
        return Expression(text, item, names, arguments.get("ExpressionAttributeValues", {}))


def _key(table: str, item: Wire) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in _KEYS[table])


def _page(found: list[Wire], asked: Any, keys: tuple[str, ...]) -> Any:
    """The items after ExclusiveStartKey, `Limit` at most."""
    start = asked.get("ExclusiveStartKey")
    if start is not None:
        place = [{name: item[name] for name in keys} for item in found].index(start)
        found = found[place + 1 :]
    limit = asked.get("Limit", len(found))
    if len(found) <= limit:
        return {"Items": found}
    last = found[limit - 1]
    return {"Items": found[:limit], "LastEvaluatedKey": {name: last[name] for name in keys}}


def _order(value: Wire) -> tuple[float, str]:
    return (float(value["N"]), "") if "N" in value else (0, value["S"])


def _old(before: Wire | None, arguments: Any) -> Any:
    returned = arguments.get("ReturnValues") == "ALL_OLD" and before is not None
    return {"Attributes": before} if returned else {}
