"""DynamoDB's operations with typed failures, and what a write does whose answer is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.data_access.errors import StoreUnavailableError, is_retried, unavailable
from shared.data_access.wire_values import Item, from_wire
from shared.data_access.write_marks import Mark, without_marks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ConditionFailedError(Exception):
    """The condition of a write did not hold: somebody else was first, or the row is not there.

    `row` is what was there, marks included, if DynamoDB said so; `retried` if an earlier try of the
    client library may have been applied.
    """

    def __init__(self, row: Item | None = None, *, retried: bool = False) -> None:
        super().__init__()
        self.row = row
        self.retried = retried


class TableCalls:
    """Calls on one table. All raise StoreUnavailableError; what is conditional also
    ConditionFailedError.
    """

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def marked(
        self, operation: str, mark: Mark, key: Mapping[str, Any], **arguments: Any
    ) -> tuple[dict[str, Any], Item | None]:
        """The answer to a write that is conditional on its mark; or, if it turns out to have been
        applied before, the row as it is now. Raises ConditionFailedError, StoreUnavailableError.
        """
        arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        uncertain = False
        try:
            try:
                return self.call(operation, **arguments), None
            except StoreUnavailableError as error:
                if not error.uncertain:
                    raise
                uncertain = True
                return self.call(operation, **arguments), None
        except ConditionFailedError as refused:
            # DynamoDB itself says what was there; what is in its place on a laptop does not.
            row = refused.row
            if row is None and (uncertain or refused.retried):
                row = self.read(key)
            elif row is None and mark.has_id:
                with contextlib.suppress(StoreUnavailableError):
                    row = self.read(key)
            if row is None or not mark.is_in(row):
                raise
            return {}, without_marks(row)

    def repeatable(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer to a write that may be applied twice, tried again if that is lost."""
        try:
            return self.call(operation, **arguments)
        except StoreUnavailableError as error:
            if not error.uncertain:
                raise
            return self.call(operation, **arguments)

    def read(self, key: Mapping[str, Any]) -> Item | None:
        """The row with its marks, strongly consistent."""
        answer = self.call("get_item", Key=key, ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else from_wire(item)

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one operation on the table."""
        return self.request(operation, TableName=self._name, **arguments)

    def request(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one operation, whatever it is on."""
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "ConditionalCheckFailedException":
                row: Any = error.response.get("Item")
                raise ConditionFailedError(
                    from_wire(row) if row else None, retried=is_retried(error)
                ) from error
            raise unavailable(operation, error) from error
        except BotoCoreError as error:
            raise unavailable(operation, error) from error
        return answer
