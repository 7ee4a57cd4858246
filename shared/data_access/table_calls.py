"""DynamoDB operations with typed failures and safe retries of writes."""

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

    from shared.data_access.dynamodb_client import DynamoDbClient


class ConditionFailedError(Exception):
    """The condition of a write did not hold.

    `row` is the row with its marks, if DynamoDB returned it. `retried` means that botocore retried,
    so that an earlier attempt may have been applied.
    """

    def __init__(self, row: Item | None = None, *, retried: bool = False) -> None:
        super().__init__()
        self.row = row
        self.retried = retried


class TableCalls:
    """Calls on one table.

    All raise StoreUnavailableError; conditional ones also raise ConditionFailedError.
    """

    def __init__(self, client: DynamoDBClient | DynamoDbClient, name: str) -> None:
        self._client = client
        self._name = name

    def marked(
        self, operation: str, mark: Mark, key: Mapping[str, Any], **arguments: Any
    ) -> tuple[dict[str, Any], Item | None]:
        """Apply a write whose condition includes the absence of its mark.

        Returns the response and None; or, if an earlier attempt was applied, the present row as the
        second item. Raises ConditionFailedError and StoreUnavailableError.
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
            # DynamoDB returns the row with the error; dynalite does not.
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
        """Apply a write that is safe to repeat, and retry it if its answer is lost."""
        try:
            return self.call(operation, **arguments)
        except StoreUnavailableError as error:
            if not error.uncertain:
                raise
            return self.call(operation, **arguments)

    def read(self, key: Mapping[str, Any]) -> Item | None:
        """Read the row with its marks, strongly consistent."""
        answer = self.call("get_item", Key=key, ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else from_wire(item)

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation on the table."""
        return self.request(operation, TableName=self._name, **arguments)

    def request(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation that names its tables itself."""
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
