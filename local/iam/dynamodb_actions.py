"""IAM permissions that a DynamoDB request requires: actions on tables or indexes.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html; for
transactions, .../amazondynamodb/latest/developerguide/transaction-apis-iam.html.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from local.http.messages import Request
from local.iam.request_authorizer import PermissionMapper, RequiredPermission
from local.iam.required_actions import decode_body, operation_of
from local.template.model import AwsEnvironment

# The action for each kind of transaction item.
_TRANSACTION_ACTIONS = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_INDEXED = frozenset({"Query", "Scan"})


class _Call(msgspec.Struct):
    """The fields that name tables; msgspec skips all others."""

    table: str | None = msgspec.field(default=None, name="TableName")
    index: str | None = msgspec.field(default=None, name="IndexName")
    tables: dict[str, msgspec.Raw] | None = msgspec.field(default=None, name="RequestItems")
    transaction: list[dict[str, _Target]] | None = msgspec.field(default=None, name="TransactItems")


class _Target(msgspec.Struct):
    table: str = msgspec.field(name="TableName")


def dynamodb_permissions(aws: AwsEnvironment) -> PermissionMapper:
    """Require dynamodb:<operation> on each table or index in the request.

    Requests name tables by name or ARN. Operations without a table require their action on `*`.
    """
    decoder = msgspec.json.Decoder(_Call)

    def arn(table: str, index: str | None = None) -> str:
        table_arn = table if table.startswith("arn:") else aws.arn("dynamodb", f"table/{table}")
        return f"{table_arn}/index/{index}" if index else table_arn

    def required(request: Request) -> Sequence[RequiredPermission]:
        operation = operation_of(request)
        action = f"dynamodb:{operation}"
        call = decode_body(decoder, request)
        found = []
        if call.table is not None:
            index = call.index if operation in _INDEXED else None
            found.append(RequiredPermission(action, arn(call.table, index)))
        found += (RequiredPermission(action, arn(table)) for table in call.tables or ())
        for item in call.transaction or ():
            found += (
                RequiredPermission(_transaction_action(kind), arn(target.table))
                for kind, target in item.items()
            )
        return found or (RequiredPermission(action, "*"),)

    return required


def _transaction_action(kind: str) -> str:
    return f"dynamodb:{_TRANSACTION_ACTIONS.get(kind, kind)}"
