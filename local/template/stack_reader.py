"""Reads a synthesized template into a Stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.base.errors import TemplateError
from local.template.apis import ApiResources, apis_of_protocol, check_children
from local.template.functions import FunctionReader
from local.template.http_api import HttpApiReader
from local.template.intrinsics import Resolver
from local.template.model import (
    AwsEnvironment,
    HttpApi,
    Index,
    KeyAttribute,
    Stack,
    Table,
    UserPool,
    WebSocketApi,
)
from local.template.permissions import PermissionReader
from local.template.queues import QueueReader
from local.template.references import References
from local.template.resources import Resource, Resources
from local.template.schedules import ScheduleReader
from local.template.secrets import SecretReader
from local.template.support_matrix import check_resource, check_section
from local.template.websocket_api import WebSocketApiReader


def read_stack(template: Path, aws: AwsEnvironment | None = None) -> Stack:
    """Read the stack in `<stack name>.template.json` and in the assets manifest beside it.

    Raises TemplateError.
    """
    name = template.name.removesuffix(".template.json")
    try:
        content = json.loads(template.read_text())
        manifest = json.loads((template.parent / f"{name}.assets.json").read_text())
    except (OSError, ValueError) as error:
        raise TemplateError(f"cannot read {template} or its assets manifest: {error}") from error
    if not isinstance(content, dict):
        raise TemplateError(f"{template} is not a CloudFormation template")
    assets = {
        destination["objectKey"]: template.parent.resolve() / item["source"]["path"]
        for item in manifest["files"].values()
        for destination in item["destinations"].values()
    }
    return _StackReader(name, aws or AwsEnvironment(), content, assets).read()


class _StackReader:
    def __init__(
        self, name: str, aws: AwsEnvironment, content: Mapping[str, Any], assets: Mapping[str, Path]
    ) -> None:
        for section in content:
            check_section(section)
        resources: Mapping[str, Any] = content.get("Resources", {})
        for logical_id, resource in resources.items():
            check_resource(logical_id, resource)
        references = References(name, aws, resources, content.get("Parameters", {}))
        resolver = Resolver(
            lambda ref: resolver.resolve(references.ref(ref)),
            lambda ref, attribute: resolver.resolve(references.attribute(ref, attribute)),
        )
        self._name = name
        self._aws = aws
        self._assets = assets
        self._resources = Resources(
            [Resource(logical_id, item, resolver) for logical_id, item in resources.items()],
            resolver,
        )

    def read(self) -> Stack:
        resources = self._resources
        functions = FunctionReader(resources, self._aws, self._assets).read()
        queue_reader = QueueReader(resources, functions)
        queues = queue_reader.queues()
        by_arn = {arn: item.name for item in functions.values() for arn in item.arns}
        permissions = PermissionReader(resources, by_arn)
        check_children(resources)
        websocket, http = self._apis(by_arn, permissions)
        return Stack(
            self._name,
            self._aws,
            functions,
            websocket,
            tuple(map(self._table, resources.all("DynamoDB::Table"))),
            self._user_pool(),
            queues,
            queue_reader.event_source_mappings(queues),
            ScheduleReader(resources, by_arn, queues, permissions).read(),
            http,
            SecretReader(resources, self._name).read(),
        )

    def _apis(
        self, by_arn: Mapping[str, str], permissions: PermissionReader
    ) -> tuple[WebSocketApi, HttpApi | None]:
        """Read the only WebSocket API and the optional HTTP API."""
        resources, user_pool = self._resources, self._user_pool()
        issuers = (self._aws.issuer_url(user_pool.pool_id),) if user_pool else ()

        def children(api: Resource) -> ApiResources:
            return ApiResources(resources, api, self._aws, by_arn, permissions)

        websocket_apis = apis_of_protocol(resources, "WEBSOCKET")
        http_apis = apis_of_protocol(resources, "HTTP")
        if len(websocket_apis) != 1 or len(http_apis) > 1:
            raise TemplateError(
                f"expected one WebSocket API and at most one HTTP API in the template, found "
                f"{len(websocket_apis)} and {len(http_apis)}"
            )
        (api,) = websocket_apis
        websocket = WebSocketApiReader(resources, api, children(api)).read()
        http = [HttpApiReader(api, children(api), issuers).read() for api in http_apis]
        return websocket, http[0] if http else None

    def _table(self, resource: Resource) -> Table:
        return Table(
            name=self._resources.ref(resource),
            keys=_keys(resource.get("KeySchema")),
            attributes={
                item["AttributeName"]: item["AttributeType"]
                for item in resource.get("AttributeDefinitions")
            },
            indexes=tuple(
                Index(
                    name=item["IndexName"],
                    keys=_keys(item["KeySchema"]),
                    projection=item["Projection"]["ProjectionType"],
                    non_key=tuple(item["Projection"].get("NonKeyAttributes", ())),
                )
                for item in resource.get("GlobalSecondaryIndexes", [])
            ),
            expires_at=_expiry(resource.get("TimeToLiveSpecification", {})),
        )

    def _user_pool(self) -> UserPool | None:
        clients = list(self._resources.all("Cognito::UserPoolClient"))
        if not clients:
            return None
        client = self._resources.only("Cognito::UserPoolClient")
        return UserPool(client.text("UserPoolId"), self._resources.ref(client))


def _expiry(specification: dict[str, Any]) -> str | None:
    return specification["AttributeName"] if specification.get("Enabled") else None


def _keys(schema: list[dict[str, str]]) -> tuple[KeyAttribute, ...]:
    return tuple(KeyAttribute(item["AttributeName"], item["KeyType"]) for item in schema)
