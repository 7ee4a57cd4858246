"""From the synthesized template to the stack that it describes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.errors import TemplateError
from local.intrinsics import NO_VALUE, Resolver
from local.model import (
    Function,
    Identity,
    Index,
    KeyAttribute,
    Place,
    Route,
    Stack,
    Table,
    WebSocketApi,
)
from local.references import References
from local.supported import check_resource, check_section

# Lambda's defaults: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
_DEFAULT_TIMEOUT_SECONDS = 3
_DEFAULT_MEMORY_MB = 128

_INVOCATION_URI = re.compile(
    r"arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(arn:.+)/invocations"
)
_BODY_FIELD = re.compile(r"\$request\.body\.(\w+)")


def load(template: Path, place: Place | None = None) -> Stack:
    """The stack in `template`, `<stack name>.template.json`; its assets manifest lies beside it.

    Raises TemplateError.
    """
    name = template.name.removesuffix(".template.json")
    try:
        content = json.loads(template.read_text())
        manifest = json.loads((template.parent / f"{name}.assets.json").read_text())
    except (OSError, ValueError) as error:
        raise TemplateError(f"cannot read {template} or its assets manifest: {error}") from error
    if not isinstance(content, dict):
        raise TemplateError(f"{template} is no CloudFormation template")
    assets = {
        destination["objectKey"]: template.parent.resolve() / item["source"]["path"]
        for item in manifest["files"].values()
        for destination in item["destinations"].values()
    }
    return _Reader(name, place or Place(), content, assets).stack()


class _Resource:
    """A resource with its properties; what is asked for is resolved."""

    def __init__(self, logical_id: str, content: Mapping[str, Any], resolver: Resolver) -> None:
        self.id = logical_id
        self.type: str = content["Type"]
        self._properties: Mapping[str, Any] = content.get("Properties", {})
        self._resolver = resolver

    def get(self, name: str, default: Any = None) -> Any:
        """The property, or the default. JSON values: the template's schema is CloudFormation's."""
        resolved = self._resolver.resolve(self._properties.get(name, default))
        return default if resolved is NO_VALUE else resolved

    def text(self, name: str, default: str | None = None) -> str:
        """The property as text; without a default it must be there."""
        if name not in self._properties:
            if default is None:
                raise self.error(f"{name} is missing")
            return default
        return self._resolver.text(self._properties[name], f"{self.id}.{name}")

    def expect(self, name: str, *expected: str, default: str | None = None) -> None:
        """Refuse any value but the expected ones."""
        value = self.text(name, default)
        if value not in expected:
            raise self.error(f"{name} is {value!r}; supported is {' or '.join(expected)}")

    def error(self, message: str) -> TemplateError:
        return TemplateError(f"{self.id} ({self.type}): {message}")


class _Reader:
    def __init__(
        self, name: str, place: Place, content: Mapping[str, Any], assets: Mapping[str, Path]
    ) -> None:
        for section in content:
            check_section(section)
        resources: Mapping[str, Any] = content.get("Resources", {})
        for logical_id, resource in resources.items():
            check_resource(logical_id, resource)
        references = References(name, place, resources, content.get("Parameters", {}))
        self._resolver = Resolver(
            lambda ref: self._resolver.resolve(references.ref(ref)),
            lambda ref, attribute: self._resolver.resolve(references.attribute(ref, attribute)),
        )
        self._name = name
        self._place = place
        self._assets = assets
        self._resources = [
            _Resource(logical_id, resource, self._resolver)
            for logical_id, resource in resources.items()
        ]

    def stack(self) -> Stack:
        functions = {item.name: item for item in map(self._function, self._all("Lambda::Function"))}
        return Stack(
            self._name,
            self._place,
            functions,
            self._websocket({item.arn: item.name for item in functions.values()}),
            tuple(map(self._table, self._all("DynamoDB::Table"))),
            self._identity(),
        )

    def _all(self, kind: str) -> Iterator[_Resource]:
        return (resource for resource in self._resources if resource.type == f"AWS::{kind}")

    def _only(self, kind: str) -> _Resource:
        found = list(self._all(kind))
        if len(found) != 1:
            raise TemplateError(f"expected one AWS::{kind} in the template, found {len(found)}")
        return found[0]

    def _ref(self, logical_id: str) -> str:
        return self._resolver.text({"Ref": logical_id}, logical_id)

    def _function(self, resource: _Resource) -> Function:
        if not resource.text("Runtime").startswith("python3."):
            raise resource.error("only Python runtimes are supported")
        name = self._ref(resource.id)
        variables = resource.get("Environment", {}).get("Variables", {})
        logging = resource.get("LoggingConfig", {})
        if unknown := logging.keys() - {"LogGroup", "LogFormat"}:
            raise resource.error(f"LoggingConfig.{min(unknown)} is not supported")
        if logging.get("LogFormat", "Text") != "Text":
            raise resource.error("LoggingConfig.LogFormat: only Text is supported")
        return Function(
            logical_id=resource.id,
            name=name,
            arn=self._place.arn("lambda", f"function:{name}"),
            handler=resource.text("Handler"),
            code=self._code(resource),
            environment={
                key: self._resolver.text(value, f"{resource.id}.Environment.{key}")
                for key, value in variables.items()
            },
            timeout_seconds=int(resource.text("Timeout", str(_DEFAULT_TIMEOUT_SECONDS))),
            memory_mb=int(resource.text("MemorySize", str(_DEFAULT_MEMORY_MB))),
        )

    def _code(self, resource: _Resource) -> Path:
        key = resource.get("Code", {}).get("S3Key")
        if key not in self._assets:
            raise resource.error("Code is no asset of this assembly")
        folder = self._assets[key]
        if not folder.is_dir():
            raise resource.error(f"its code {folder} is no folder")
        return folder

    def _websocket(self, functions: Mapping[str, str]) -> WebSocketApi:
        api, stage = self._only("ApiGatewayV2::Api"), self._only("ApiGatewayV2::Stage")
        api.expect("ProtocolType", "WEBSOCKET")
        selection = _BODY_FIELD.fullmatch(api.text("RouteSelectionExpression"))
        if selection is None:
            raise api.error("RouteSelectionExpression: only $request.body.<field> is supported")
        api_id = self._ref(api.id)
        for resource in self._resources:
            if resource.type.startswith("AWS::ApiGatewayV2::") and resource is not api:
                resource.expect("ApiId", api_id)
        permitted = self._permitted(functions)
        integrations = {
            f"integrations/{self._ref(item.id)}": self._integrated(item, functions, permitted)
            for item in self._all("ApiGatewayV2::Integration")
        }
        routes = {item.key: item for item in self._routes(integrations)}
        return WebSocketApi(
            api_id,
            stage.text("StageName"),
            selection[1],
            routes,
            self._authorizer(functions, permitted),
        )

    def _permitted(self, functions: Mapping[str, str]) -> set[str]:
        """The functions that API Gateway may invoke; without permission it answers 500."""
        permitted = set()
        for permission in self._all("Lambda::Permission"):
            permission.expect("Action", "lambda:InvokeFunction")
            permission.expect("Principal", "apigateway.amazonaws.com")
            target = permission.text("FunctionName")
            permitted.add(functions.get(target, target))
        return permitted

    def _integrated(
        self, resource: _Resource, functions: Mapping[str, str], permitted: set[str]
    ) -> str:
        resource.expect("IntegrationType", "AWS_PROXY")
        return self._invoked(resource, "IntegrationUri", functions, permitted)

    def _invoked(
        self, resource: _Resource, name: str, functions: Mapping[str, str], permitted: set[str]
    ) -> str:
        uri = _INVOCATION_URI.fullmatch(resource.text(name))
        if uri is None or uri[1] not in functions:
            raise resource.error(f"{name} invokes no function of this stack")
        function = functions[uri[1]]
        if function not in permitted:
            raise resource.error(f"no AWS::Lambda::Permission lets it invoke {function}")
        return function

    def _routes(self, integrations: Mapping[str, str]) -> Iterator[Route]:
        responses = set()
        for response in self._all("ApiGatewayV2::RouteResponse"):
            response.expect("RouteResponseKey", "$default")
            responses.add(response.text("RouteId"))
        for route in self._all("ApiGatewayV2::Route"):
            target = route.text("Target")
            if target not in integrations:
                raise route.error(f"Target {target} is no integration of this stack")
            route.expect("RouteResponseSelectionExpression", "$default", "", default="")
            selects = route.text("RouteResponseSelectionExpression", "") == "$default"
            if selects != (self._ref(route.id) in responses):
                # Either alone has no effect in AWS, which nobody wants.
                raise route.error("a reply needs a RouteResponse and its selection expression")
            yield Route(route.text("RouteKey"), integrations[target], selects)

    def _authorizer(self, functions: Mapping[str, str], permitted: set[str]) -> str | None:
        authorizers = {self._ref(item.id): item for item in self._all("ApiGatewayV2::Authorizer")}
        chosen = None
        for route in self._all("ApiGatewayV2::Route"):
            route.expect("AuthorizationType", "NONE", "CUSTOM", default="NONE")
            if route.text("AuthorizationType", "NONE") == "NONE":
                continue
            chosen = authorizers.get(route.text("AuthorizerId"))
            if chosen is None or route.text("RouteKey") != "$connect":
                raise route.error("only $connect can have an authorizer, one of this stack")
        if chosen is None:
            return None
        chosen.expect("AuthorizerType", "REQUEST")
        if chosen.get("IdentitySource", []):
            raise chosen.error("IdentitySource: only an empty list is supported")
        return self._invoked(chosen, "AuthorizerUri", functions, permitted)

    def _table(self, resource: _Resource) -> Table:
        return Table(
            name=self._ref(resource.id),
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
        )

    def _identity(self) -> Identity | None:
        clients = list(self._all("Cognito::UserPoolClient"))
        if not clients:
            return None
        client = self._only("Cognito::UserPoolClient")
        return Identity(client.text("UserPoolId"), self._ref(client.id))


def _keys(schema: list[dict[str, str]]) -> tuple[KeyAttribute, ...]:
    return tuple(KeyAttribute(item["AttributeName"], item["KeyType"]) for item in schema)
