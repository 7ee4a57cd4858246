"""DynamoDB in memory that counts capacity units by partition key.

Sizes and units follow DynamoDB's rules:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal, get_args

from tests.helpers.database.memory_dynamodb import INDEXES, KEYS, MemoryDynamoDB

# Bytes that a read unit and a write unit cover.
READ_BYTES = 4_096
WRITE_BYTES = 1_024
# Bytes of a map or a list, besides its elements, and of each element besides its value.
_COLLECTION_BYTES = 3
_ELEMENT_BYTES = 1

Item = dict[str, Any]
# A table, or a table and an index, and a value of its partition key.
Partition = tuple[str, str]
Kind = Literal["reads", "writes"]


def item_bytes(item: Item) -> int:
    """The size of an item in wire format: attribute names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Item) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits: int = len(content.lstrip("-").strip("0").replace(".", ""))
        return ceil(digits / 2) + 1 + int(content.startswith("-"))
    if kind == "M":
        elements = (
            len(name.encode()) + _value_bytes(each) + _ELEMENT_BYTES
            for name, each in content.items()
        )
        return _COLLECTION_BYTES + sum(elements)
    if kind == "SS":
        return sum(len(each.encode()) for each in content)
    if kind in {"BOOL", "NULL"}:
        return 1
    raise ValueError(f"no rule for the size of {kind}")


@dataclass
class Units:
    """Read and write units by partition."""

    reads: dict[Partition, float] = field(default_factory=lambda: defaultdict(float))
    writes: dict[Partition, float] = field(default_factory=lambda: defaultdict(float))

    def of(self, kind: Kind) -> dict[Partition, float]:
        """The units of reads or of writes."""
        return self.reads if kind == "reads" else self.writes

    def divided_by(self, count: int) -> Units:
        """The average of `count` equal parts."""
        average = Units()
        for kind in get_args(Kind):
            for partition, units in self.of(kind).items():
                average.of(kind)[partition] = units / count
        return average


class MeteredDynamoDB(MemoryDynamoDB):
    """Counts the units of all requests in `units`.

    Reads of an index count as half a unit for each 4 KB of what they return, since they are
    eventually consistent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.units = Units()
        # By identity, with the item: stored items are replaced, never changed.
        self._sizes: dict[int, tuple[Item, int]] = {}

    def take(self) -> Units:
        """Return what was counted since the last call."""
        units, self.units = self.units, Units()
        return units

    def get_item(self, **request: Any) -> Any:
        answer = super().get_item(**request)
        self._read(request["TableName"], request["Key"], answer.get("Item"), request)
        return answer

    def batch_get_item(self, **request: Any) -> Any:
        for table, wanted in request["RequestItems"].items():
            for key in wanted["Keys"]:
                item = super().get_item(TableName=table, Key=key).get("Item")
                self._read(table, key, item, wanted)
        return super().batch_get_item(**request)

    def put_item(self, **request: Any) -> Any:
        return self._written("put_item", request, request["Item"])

    def update_item(self, **request: Any) -> Any:
        return self._written("update_item", request, request["Key"])

    def delete_item(self, **request: Any) -> Any:
        return self._written("delete_item", request, request["Key"])

    def query(self, **request: Any) -> Any:
        answer = super().query(**request)
        table, index = request["TableName"], request.get("IndexName")
        size = sum(map(item_bytes, answer["Items"]))
        # The partition key is the first value of the condition.
        (first, *_) = request["ExpressionAttributeValues"].values()
        name = f"{table}/{index}" if index else table
        share = 1 if request.get("ConsistentRead") else 0.5
        self.units.reads[name, first["S"]] += share * max(ceil(size / READ_BYTES), 1)
        return answer

    def _read(self, table: str, key: Item, item: Item | None, request: Any) -> None:
        units = max(ceil(self._bytes(item) / READ_BYTES), 1)
        share = 1 if request.get("ConsistentRead") else 0.5
        self.units.reads[table, _partition_value(table, key)] += units * share

    def _written(self, operation: str, request: Any, key: Item) -> Any:
        table = request["TableName"]
        only_key = {name: key[name] for name in KEYS[table]}
        before = super().get_item(TableName=table, Key=only_key).get("Item")
        try:
            return getattr(super(), operation)(**request)
        finally:  # a refused write costs as much
            after = super().get_item(TableName=table, Key=only_key).get("Item")
            size = max(self._bytes(before), self._bytes(after))
            units = max(ceil(size / WRITE_BYTES), 1)
            self.units.writes[table, _partition_value(table, key)] += units
            self._write_indexes(table, before, after)

    def _bytes(self, item: Item | None) -> int:
        if item is None:
            return 0
        if id(item) not in self._sizes:
            self._sizes[id(item)] = item, item_bytes(item)
        return self._sizes[id(item)][1]

    def _write_indexes(self, table: str, before: Item | None, after: Item | None) -> None:
        """A changed entry is written once, or removed and added if its keys have changed."""
        for index, (keys, others) in INDEXES.items():
            kept = {*keys, *others, *KEYS[table]}
            was, becomes = (_entry(item, keys, kept) for item in (before, after))
            if was == becomes:
                continue
            moved = was and becomes and any(was[name] != becomes[name] for name in keys)
            for entry in (was, becomes) if moved else (becomes or was,):
                if entry:
                    units = ceil(item_bytes(entry) / WRITE_BYTES)
                    self.units.writes[f"{table}/{index}", entry[keys[0]]["S"]] += units


def _partition_value(table: str, key: Item) -> str:
    value: str = key[KEYS[table][0]]["S"]
    return value


def _entry(item: Item | None, keys: tuple[str, ...], kept: set[str]) -> Item:
    """The entry of an item in an index; empty if the item lacks one of the keys."""
    if item is None or any(name not in item for name in keys):
        return {}
    return {name: value for name, value in item.items() if name in kept}
