"""BatchGetItem: its requests, and the repetition of unprocessed keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table_calls import TableCalls

# Maximum keys of one BatchGetItem:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
BATCH_SIZE = 100
# Unprocessed keys are requested again, after 50 ms and twice as long each time.
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.05


def batch_request(
    keys: Sequence[Mapping[str, Any]], attributes: Sequence[str], *, consistent: bool
) -> dict[str, Any]:
    """One table's part of a request. Without `attributes`, whole rows are read."""
    request: dict[str, Any] = {"Keys": list(keys), "ConsistentRead": consistent}
    if attributes:
        names = {f"#{number}": name for number, name in enumerate(attributes)}
        request |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    return request


def read_batch(
    calls: TableCalls, requests: Mapping[str, Mapping[str, Any]], pause: Callable[[float], None]
) -> dict[str, list[dict[str, Any]]]:
    """Read the rows requested of each table, by its name.

    Raises StoreUnavailableError, also if keys stay unprocessed.
    """
    waiting: dict[str, Any] = dict(requests)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in requests}
    for attempt in range(_ATTEMPTS):
        if attempt:
            pause(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        answer = calls.request("batch_get_item", RequestItems=waiting)
        for name, rows in answer.get("Responses", {}).items():
            found[name] += rows
        waiting = answer.get("UnprocessedKeys", {})
        if not waiting:
            return found
    raise StoreUnavailableError("batch_get_item: keys left over")
