"""The WebSocket API in a template: routes, integrations, authorizer, stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set

from local.model import IdentitySource, Route, WebSocketApi
from local.permissions_template import PermissionReader
from local.resources import Resource, Resources

_INVOCATION_URI = re.compile(
    r"arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(arn:.+)/invocations"
)
_IDENTITY_SOURCE = re.compile(r"route\.request\.(header|querystring)\.([A-Za-z0-9._-]+)")
_BODY_FIELD = re.compile(r"\$request\.body\.(\w+)")
# What belongs to the one API.
_PARTS = tuple(
    f"ApiGatewayV2::{kind}"
    for kind in (
        "Stage",
        "Deployment",
        "Route",
        "RouteResponse",
        "Integration",
        "IntegrationResponse",
        "Authorizer",
    )
)


class WebSocketReader:
    """Reads the one API of a template; `functions` are the names by their ARNs."""

    def __init__(
        self, resources: Resources, functions: Mapping[str, str], permissions: PermissionReader
    ) -> None:
        self._resources = resources
        self._functions = functions
        self._permissions = permissions

    def read(self) -> WebSocketApi:
        """The API. Raises TemplateError for what this package does not run."""
        functions = self._functions
        api, stage = (
            self._resources.only("ApiGatewayV2::Api"),
            self._resources.only("ApiGatewayV2::Stage"),
        )
        api.expect("ProtocolType", "WEBSOCKET")
        selection = _BODY_FIELD.fullmatch(api.text("RouteSelectionExpression"))
        if selection is None:
            raise api.error("RouteSelectionExpression: only $request.body.<field> is supported")
        api_id = self._resources.ref(api)
        for resource in self._resources.all(*_PARTS):
            resource.expect("ApiId", api_id)
        # Without permission API Gateway answers 500.
        permitted = self._permissions.of_api()
        integrations = {
            f"integrations/{self._resources.ref(item)}": self._integrated(
                item, functions, permitted
            )
            for item in self._resources.all("ApiGatewayV2::Integration")
        }
        routes = {item.key: item for item in self._routes(integrations)}
        authorizer, function = self._authorizer(), None
        sources: tuple[IdentitySource, ...] = ()
        if authorizer is not None:
            function = self._invoked(authorizer, "AuthorizerUri", functions, permitted)
            sources = self._identity_sources(authorizer)
        return WebSocketApi(
            api_id,
            stage.text("StageName"),
            selection[1],
            routes,
            function,
            sources,
        )

    def _integrated(
        self, resource: Resource, functions: Mapping[str, str], permitted: Set[str]
    ) -> str:
        resource.expect("IntegrationType", "AWS_PROXY")
        return self._invoked(resource, "IntegrationUri", functions, permitted)

    def _invoked(
        self, resource: Resource, name: str, functions: Mapping[str, str], permitted: Set[str]
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
        for response in self._resources.all("ApiGatewayV2::RouteResponse"):
            response.expect("RouteResponseKey", "$default")
            responses.add(response.text("RouteId"))
        for route in self._resources.all("ApiGatewayV2::Route"):
            target = route.text("Target")
            if target not in integrations:
                raise route.error(f"Target {target} is no integration of this stack")
            route.expect("RouteResponseSelectionExpression", "$default", "", default="")
            selects = route.text("RouteResponseSelectionExpression", "") == "$default"
            if selects != (self._resources.ref(route) in responses):
                # Either alone has no effect in AWS, which nobody wants.
                raise route.error("a reply needs a RouteResponse and its selection expression")
            yield Route(route.text("RouteKey"), integrations[target], selects)

    def _authorizer(self) -> Resource | None:
        authorizers = {
            self._resources.ref(item): item
            for item in self._resources.all("ApiGatewayV2::Authorizer")
        }
        chosen = None
        for route in self._resources.all("ApiGatewayV2::Route"):
            route.expect("AuthorizationType", "NONE", "CUSTOM", default="NONE")
            if route.text("AuthorizationType", "NONE") == "NONE":
                continue
            chosen = authorizers.get(route.text("AuthorizerId"))
            if chosen is None or route.text("RouteKey") != "$connect":
                raise route.error("only $connect can have an authorizer, one of this stack")
        if chosen is not None:
            chosen.expect("AuthorizerType", "REQUEST")
        return chosen

    @staticmethod
    def _identity_sources(authorizer: Resource) -> tuple[IdentitySource, ...]:
        sources = []
        for expression in authorizer.get("IdentitySource", []):
            source = _IDENTITY_SOURCE.fullmatch(str(expression))
            if source is None:
                raise authorizer.error(
                    f"IdentitySource {expression}: only route.request.header.<name> and "
                    "route.request.querystring.<name> are supported"
                )
            sources.append(IdentitySource(source[1], source[2]))
        return tuple(sources)
