"""The WebSocket API: routes from the table, a REQUEST authorizer and one stage.

Built from L1 constructs: the L2 constructs add one integration per route and let the API invoke
functions from any stage.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.api.websocket_stage import create_stage
from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.naming import construct_id
from infrastructure.catalogue.routes import RouteSpec
from infrastructure.resources.delivery import Served
from infrastructure.stage.config import StageConfig

CONNECT_ROUTE = "$connect"
# The `action` of a JSON message names its route; other messages go to $default.
_ROUTE_SELECTION = "$request.body.action"


class WebSocketApi:
    """The API. Its address is known before its routes, because functions need the address."""

    def __init__(self, scope: Construct, config: StageConfig) -> None:
        self._scope = scope
        self._stack = Stack.of(scope)
        self._config = config
        self._stage = config.stage
        self._api = apigateway.CfnApi(
            scope,
            "WebSocketApi",
            name=config.resource_name("websocket"),
            protocol_type="WEBSOCKET",
            route_selection_expression=_ROUTE_SELECTION,
        )

    @property
    def stage_name(self) -> str:
        """The name of the only stage, the last part of URLs."""
        return self._stage

    @property
    def api_id(self) -> str:
        """The API's ID in metrics and logs."""
        return self._api.ref

    @property
    def url(self) -> str:
        """The URL to which clients connect."""
        return f"wss://{self._host}/{self._stage}"

    @property
    def endpoint(self) -> str:
        """The @connections endpoint.

        Composed from the API alone: the stage depends on the routes, and they on the functions.
        """
        return f"https://{self._host}/{self._stage}"

    def execute_arn(self, path: str) -> str:
        """The ARN of a route key, or of an HTTP method and path below @connections."""
        return self._arn(f"{self._stage}/{path}")

    def serve(
        self,
        routes: Collection[RouteSpec],
        functions: Mapping[FunctionSpec, Served],
        authorizer: FunctionSpec,
        identity_source: Sequence[str] | None = None,
    ) -> None:
        """Add the routes, the authorizer and the stage.

        API Gateway rejects a handshake that lacks part of `identity_source` without invoking the
        authorizer; by default the stage's configuration defines it.
        """
        if identity_source is None:
            identity_source = self._config.connect_identity.sources
        authorizer_id = self._add_authorizer(functions[authorizer], identity_source)
        integrations: dict[FunctionSpec, apigateway.CfnIntegration] = {}
        stage = create_stage(self._scope, self._config, self._api, [spec.key for spec in routes])
        for spec in routes:
            function = functions[spec.function]
            if spec.function not in integrations:
                integrations[spec.function] = self._integrate(spec.function, function)
            authorized_by = authorizer_id if spec.key == CONNECT_ROUTE else None
            for resource in self._add_route(spec, integrations[spec.function], authorized_by):
                # The stage deploys when it is created, which fails for an API without routes.
                stage.add_resource_dependency(resource)
            self._permit(construct_id(spec.key), function, self.execute_arn(spec.key))

    def _add_route(
        self,
        spec: RouteSpec,
        integration: apigateway.CfnIntegration,
        authorizer_id: str | None,
    ) -> list[apigateway.CfnRoute | apigateway.CfnRouteResponse]:
        route = apigateway.CfnRoute(
            self._scope,
            construct_id(spec.key, "Route"),
            api_id=self._api.ref,
            route_key=spec.key,
            target=f"integrations/{integration.ref}",
            # Other routes need none: API Gateway keeps the context of $connect.
            authorization_type="CUSTOM" if authorizer_id else "NONE",
            authorizer_id=authorizer_id,
            route_response_selection_expression="$default" if spec.replies else None,
        )
        if not spec.replies:
            return [route]
        # Without a route response API Gateway discards the function's result:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
        response = apigateway.CfnRouteResponse(
            self._scope,
            construct_id(spec.key, "RouteResponse"),
            api_id=self._api.ref,
            route_id=route.ref,
            route_response_key="$default",
        )
        return [route, response]

    def _integrate(self, spec: FunctionSpec, function: Served) -> apigateway.CfnIntegration:
        return apigateway.CfnIntegration(
            self._scope,
            construct_id(spec.name, "Integration"),
            api_id=self._api.ref,
            integration_type="AWS_PROXY",
            integration_uri=self._invocation_uri(function),
        )

    def _add_authorizer(self, function: Served, identity_source: Sequence[str]) -> str:
        authorizer = apigateway.CfnAuthorizer(
            self._scope,
            "ConnectAuthorizer",
            api_id=self._api.ref,
            name="connect",
            authorizer_type="REQUEST",
            authorizer_uri=self._invocation_uri(function),
            identity_source=list(identity_source),
        )
        self._permit("Authorizer", function, self._arn(f"authorizers/{authorizer.ref}"))
        return authorizer.ref

    def _permit(self, caller: str, function: Served, source_arn: str) -> None:
        lambda_.CfnPermission(
            self._scope,
            f"{caller}Permission",
            action="lambda:InvokeFunction",
            function_name=function.arn,
            principal="apigateway.amazonaws.com",
            source_arn=source_arn,
        )

    def _invocation_uri(self, function: Served) -> str:
        return (
            f"arn:{self._stack.partition}:apigateway:{self._stack.region}:lambda:"
            f"path/2015-03-31/functions/{function.arn}/invocations"
        )

    def _arn(self, path: str) -> str:
        return self._stack.format_arn(
            service="execute-api", resource=self._api.ref, resource_name=path
        )

    @property
    def _host(self) -> str:
        return f"{self._api.ref}.execute-api.{self._stack.region}.{self._stack.url_suffix}"
