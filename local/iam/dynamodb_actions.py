"""What a request to DynamoDB asks for in IAM's terms: action and table or index.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html; for
transactions, .../amazondynamodb/latest/developerguide/transaction-apis-iam.html.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from local.http.server import Request
from local.iam.request_authorizer import PermissionMapper, RequiredPermission
from local.iam.required_actions import decoded, operation_of
from local.template.model import AwsEnvironment

# What the parts of a transaction are as actions.
_PARTS = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_INDEXED = frozenset({"Query", "Scan"})


class _Call(msgspec.Struct):
    """The fields that name tables; the rest is skipped without building anything."""

    table: str | None = msgspec.field(default=None, name="TableName")
    index: str | None = msgspec.field(default=None, name="IndexName")
    tables: dict[str, msgspec.Raw] | None = msgspec.field(default=None, name="RequestItems")
    parts: list[dict[str, _Part]] | None = msgspec.field(default=None, name="TransactItems")


class _Part(msgspec.Struct):
    table: str = msgspec.field(name="TableName")


def dynamodb_permissions(aws: AwsEnvironment) -> PermissionMapper:
    """dynamodb:<operation> on each table or index that the request names.

    A table may be named by its ARN. Operations that name none need their action on `*`.
    """
    decoder = msgspec.json.Decoder(_Call)

    def arn(table: str, index: str | None = None) -> str:
        whole = table if table.startswith("arn:") else aws.arn("dynamodb", f"table/{table}")
        return f"{whole}/index/{index}" if index else whole

    def needs(request: Request) -> Sequence[RequiredPermission]:
        operation = operation_of(request)
        action = f"dynamodb:{operation}"
        call = decoded(decoder, request)
        found = []
        if call.table is not None:
            index = call.index if operation in _INDEXED else None
            found.append(RequiredPermission(action, arn(call.table, index)))
        found += (RequiredPermission(action, arn(table)) for table in call.tables or ())
        for part in call.parts or ():
            found += (
                RequiredPermission(_part_action(kind), arn(named.table))
                for kind, named in part.items()
            )
        return found or (RequiredPermission(action, "*"),)

    return needs


def _part_action(kind: str) -> str:
    return f"dynamodb:{_PARTS.get(kind, kind)}"
