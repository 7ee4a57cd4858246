"""DynamoDB in memory, about fifty times as fast as moto because it needs no protocol.

It has the stack's tables and the operations that the repositories use. The same contract tests run
against moto.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from shared.models import schema
from tests.helpers.database.expressions import Expression, Wire
from tests.helpers.database.tables import ANNOUNCEMENTS, CONNECTIONS, DEVICES, SESSIONS

KEYS = {
    SESSIONS: (schema.SESSION_ID,),
    CONNECTIONS: (schema.CONNECTION_ID,),
    ANNOUNCEMENTS: (schema.ANNOUNCEMENT_KEY,),
    DEVICES: (schema.USER_ID, schema.DEVICE_ITEM),
}
# The keys of each index, and its attributes besides its own and the table's keys.
INDEXES: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    schema.ACTIVE_INDEX: ((schema.ACTIVE_BUCKET, schema.SESSION_ID), ()),
    schema.AUDIENCE_INDEX: ((schema.SESSION_ID, schema.SEAT), ()),
    schema.IDLE_INDEX: ((schema.ACTIVITY_BUCKET, schema.LAST_ACTIVITY_TIME), schema.PRESENCE),
    schema.ONLINE_INDEX: ((schema.ONLINE_BUCKET, schema.USER_ID), ()),
}


class MemoryDynamoDB:
    """A client of one account with the stack's tables, which start empty."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[str, ...], Wire]] = {name: {} for name in KEYS}

    def get_item(self, **request: Any) -> Any:
        item = self._rows_of(request["TableName"]).get(_key(request["TableName"], request["Key"]))
        return {} if item is None else {"Item": item}

    def batch_get_item(self, **request: Any) -> Any:
        responses = {}
        for table, wanted in request["RequestItems"].items():
            found = (self._rows_of(table).get(_key(table, key)) for key in wanted["Keys"])
            responses[table] = [_projected(item, wanted) for item in found if item is not None]
        return {"Responses": responses}

    def put_item(self, **request: Any) -> Any:
        table, item = request["TableName"], request["Item"]
        before = self._checked("PutItem", table, item, request)
        self._rows_of(table)[_key(table, item)] = item
        return _old(before, request)

    def update_item(self, **request: Any) -> Any:
        table, key = request["TableName"], request["Key"]
        before = self._checked("UpdateItem", table, key, request)
        text = request["UpdateExpression"]
        expression = self._expression(text, key if before is None else before, request)
        self._rows_of(table)[_key(table, key)] = expression.updated()
        return _old(before, request)

    def delete_item(self, **request: Any) -> Any:
        table, key = request["TableName"], request["Key"]
        before = self._checked("DeleteItem", table, key, request)
        self._rows_of(table).pop(_key(table, key), None)
        return _old(before, request)

    def query(self, **request: Any) -> Any:
        table, index = request["TableName"], request.get("IndexName")
        keys, kept = INDEXES[index] if index else (KEYS[table], None)
        found = [
            item
            for item in self._rows_of(table).values()
            if all(name in item for name in keys)
            and self._expression(request["KeyConditionExpression"], item, request).holds()
        ]
        found.sort(key=lambda item: _order(item[keys[1]]))
        if kept is not None:
            names = {*keys, *kept, *KEYS[table]}
            found = [{name: item[name] for name in item if name in names} for item in found]
        return _page(found, request, (*KEYS[table], *keys))

    def scan(self, **request: Any) -> Any:
        return {"Items": list(self._rows_of(request["TableName"]).values())}

    def delete_table(self, **request: Any) -> Any:
        del self._rows[request["TableName"]]

    def _rows_of(self, table: str) -> dict[tuple[str, ...], Wire]:
        if table not in self._rows:
            response: Any = {
                "Error": {"Code": "ResourceNotFoundException", "Message": "no such table"},
                "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
            }
            raise ClientError(response, "")
        return self._rows[table]

    def _checked(self, operation: str, table: str, key: Wire, arguments: Any) -> Wire | None:
        """Check the condition of a write and return the row before it, or raise like DynamoDB."""
        before = self._rows_of(table).get(_key(table, key))
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


def _projected(item: Wire, request: Any) -> Wire:
    """The attributes of an item that a request names, all if it names none."""
    if "ProjectionExpression" not in request:
        return item
    names = request["ExpressionAttributeNames"]
    wanted = [names[alias] for alias in request["ProjectionExpression"].split(", ")]
    return {name: item[name] for name in wanted if name in item}


def _key(table: str, item: Wire) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in KEYS[table])


def _page(found: list[Wire], request: Any, keys: tuple[str, ...]) -> Any:
    """The page of items after ExclusiveStartKey, of at most `Limit` items."""
    start = request.get("ExclusiveStartKey")
    if start is not None:
        place = [{name: item[name] for name in keys} for item in found].index(start)
        found = found[place + 1 :]
    limit = request.get("Limit", len(found))
    if len(found) <= limit:
        return {"Items": found}
    last = found[limit - 1]
    return {"Items": found[:limit], "LastEvaluatedKey": {name: last[name] for name in keys}}


def _order(value: Wire) -> tuple[float, str]:
    return (float(value["N"]), "") if "N" in value else (0, value["S"])


def _old(before: Wire | None, arguments: Any) -> Any:
    returned = arguments.get("ReturnValues") == "ALL_OLD" and before is not None
    return {"Attributes": before} if returned else {}
