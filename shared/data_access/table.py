"""One DynamoDB table behind a few calls, with plain values in and out and typed failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from shared.data_access.failures import StoreUnavailableError, unavailable
from shared.models.numbers import plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
# The value of a table's key, or of both parts of one that has two.
Key = str | tuple[str, str]

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


# What BatchGetItem takes at most:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_BATCH_SIZE = 100
# Keys that DynamoDB did not get to are asked for again, after 50 ms and twice as long each time.
_BATCH_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.05


class ConditionFailedError(Exception):
    """The condition of a write did not hold: somebody else was first, or the row is not there."""


def _storable(value: Any) -> Any:
    """Floats as the Decimals that boto3 insists on; everything else as it is."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {key: _storable(inner) for key, inner in value.items()}
    return value


def _to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _serialize(_storable(value)) for key, value in values.items()}


def _from_wire(values: Mapping[str, Any]) -> Item:
    return {key: plain(_deserialize(value)) for key, value in values.items()}


class Table:
    """Reads and conditional writes of one table.

    Every call raises StoreUnavailableError when DynamoDB refuses or is out of reach; how long it
    is waited for is the client's configuration.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        name: str,
        key: Key,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._name = name
        self._keys = key if isinstance(key, tuple) else (key,)
        self._pause = pause

    def get(self, key: Key) -> Item | None:
        """The row, strongly consistent."""
        answer = self._call("get_item", Key=self._key_of(key), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else _from_wire(item)

    def batch_get(self, keys: Sequence[Key], *, consistent: bool = False) -> list[Item]:
        """The rows of these keys, in any order, without those that are not there; one request for
        each 100, eventually consistent unless `consistent`.

        Raises StoreUnavailableError also if DynamoDB leaves keys over time and again.
        """
        return [
            item
            for start in range(0, len(keys), _BATCH_SIZE)
            for item in self._batch(keys[start : start + _BATCH_SIZE], consistent=consistent)
        ]

    def put_new(self, item: Item) -> None:
        """Write a row that is not there yet. Raises ConditionFailedError if it is."""
        self._put(
            item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": self._keys[0]},
        )

    def put(self, item: Item) -> Item | None:
        """Write a row, whatever there was; returns that, or None."""
        return self._put(item)

    def put_if(
        self, item: Item, *, condition: str, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> Item | None:
        """Write a row if `condition` holds of what there is; returns that, or None. Raises
        ConditionFailedError otherwise.
        """
        return self._put(
            item,
            ConditionExpression=condition,
            ExpressionAttributeNames=dict(names),
            ExpressionAttributeValues=_to_wire(values),
        )

    def update(
        self,
        key: Key,
        expression: str,
        *,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any] | None = None,
    ) -> Item:
        """Change a row if `condition` holds; returns the row as it was before.

        Raises ConditionFailedError otherwise. An update never creates a row: the condition gets
        `attribute_exists` of the key added.
        """
        arguments: dict[str, Any] = {
            "UpdateExpression": expression,
            "ConditionExpression": f"attribute_exists(#key) AND ({condition})",
            "ExpressionAttributeNames": {"#key": self._keys[0], **names},
            "ReturnValues": "ALL_OLD",
        }
        if values:
            arguments["ExpressionAttributeValues"] = _to_wire(values)
        answer = self._call("update_item", Key=self._key_of(key), **arguments)
        return _from_wire(answer.get("Attributes", {}))

    def update_if(
        self,
        key: Key,
        expression: str,
        *,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, Any] | None = None,
    ) -> Item | None:
        """As `update`, but None if the condition does not hold."""
        try:
            return self.update(key, expression, condition=condition, names=names, values=values)
        except ConditionFailedError:
            return None

    def count(
        self, key: Key, expression: str, *, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> None:
        """Change a row, or make it by that: for counters, which are there once they count."""
        self._call(
            "update_item",
            Key=self._key_of(key),
            UpdateExpression=expression,
            ExpressionAttributeNames=dict(names),
            ExpressionAttributeValues=_to_wire(values),
        )

    def delete(self, key: Key) -> Item | None:
        """Remove a row; returns it as it was, or None if there was none: safe to repeat."""
        answer = self._call("delete_item", Key=self._key_of(key), ReturnValues="ALL_OLD")
        item = answer.get("Attributes")
        return _from_wire(item) if item else None

    def delete_if(
        self, key: Key, *, condition: str, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> None:
        """Remove a row if `condition` holds. Raises ConditionFailedError otherwise."""
        self._call(
            "delete_item",
            Key=self._key_of(key),
            ConditionExpression=condition,
            ExpressionAttributeNames=dict(names),
            ExpressionAttributeValues=_to_wire(values),
        )

    def query(
        self, index: str, condition: str, *, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> Iterator[Item]:
        """All rows of an index that match, page by page; eventually consistent."""
        return self._pages(condition, names, values, IndexName=index)

    def partition(
        self,
        condition: str,
        *,
        names: Mapping[str, str],
        values: Mapping[str, Any],
        limit: int | None = None,
    ) -> Iterator[Item]:
        """All rows with the same first part of the key that match, in the order of its second,
        page by page; strongly consistent. `limit` rows a page are for who may not want all.
        """
        page = {} if limit is None else {"Limit": limit}
        return self._pages(condition, names, values, ConsistentRead=True, **page)

    def _pages(
        self, condition: str, names: Mapping[str, str], values: Mapping[str, Any], **more: Any
    ) -> Iterator[Item]:
        arguments: dict[str, Any] = {
            **more,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": dict(names),
            "ExpressionAttributeValues": _to_wire(values),
        }
        while True:
            answer = self._call("query", **arguments)
            for item in answer.get("Items", ()):
                yield _from_wire(item)
            last = answer.get("LastEvaluatedKey")
            if not last:
                return
            arguments["ExclusiveStartKey"] = last

    def _put(self, item: Item, **condition: Any) -> Item | None:
        written = {name: value for name, value in item.items() if value is not None}
        answer = self._call("put_item", Item=_to_wire(written), ReturnValues="ALL_OLD", **condition)
        before = answer.get("Attributes")
        return _from_wire(before) if before else None

    def _batch(self, keys: Sequence[Key], *, consistent: bool) -> Iterator[Item]:
        request = {"Keys": [self._key_of(key) for key in keys], "ConsistentRead": consistent}
        waiting: dict[str, Any] = {self._name: request}
        for attempt in range(_BATCH_ATTEMPTS):
            if attempt:
                self._pause(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            answer = self._request("batch_get_item", RequestItems=waiting)
            yield from map(_from_wire, answer.get("Responses", {}).get(self._name, ()))
            waiting = answer.get("UnprocessedKeys", {})
            if not waiting:
                return
        raise StoreUnavailableError("batch_get_item: keys left over")

    def _key_of(self, key: Key) -> dict[str, Any]:
        values = key if isinstance(key, tuple) else (key,)
        return {name: {"S": value} for name, value in zip(self._keys, values, strict=True)}

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._request(operation, TableName=self._name, **arguments)

    def _request(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "ConditionalCheckFailedException":
                raise ConditionFailedError from error
            raise unavailable(operation, error) from error
        except BotoCoreError as error:
            raise unavailable(operation, error) from error
        return answer
