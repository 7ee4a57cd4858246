"""The HTTP API: routes from the table, a JWT authorizer and one stage.

Built from L1 constructs, like the WebSocket API.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.http_routes import HttpRouteSpec
from infrastructure.catalogue.naming import construct_id
from infrastructure.resources.delivery import Served
from infrastructure.resources.identity import Identity
from infrastructure.stage.config import StageConfig

# The default stage, which adds no path prefix.
STAGE = "$default"
# One line per request, without query string, body, token or client address, as for the WebSocket
# API.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
_ACCESS_LOG = {
    "requestTime": "$context.requestTimeEpoch",
    "requestId": "$context.requestId",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "error": "$context.error.message",
    "responseLatency": "$context.responseLatency",
    "integrationRequestId": "$context.integration.requestId",
    "integrationStatus": "$context.integration.integrationStatus",
    "functionStatus": "$context.integration.status",
    "integrationLatency": "$context.integration.latency",
    "integrationError": "$context.integration.error",
    "authorizerError": "$context.authorizer.error",
}


class HttpApi:
    """The API with its routes, integrations, authorizer and stage."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        routes: Collection[HttpRouteSpec],
        functions: Mapping[FunctionSpec, Served],
        identity: Identity,
    ) -> None:
        self._scope = scope
        self._config = config
        self._functions = functions
        self._api = apigateway.CfnApi(
            scope, "HttpApi", name=config.resource_name("http"), protocol_type="HTTP"
        )
        authorizer = (
            self._add_authorizer(identity) if any(spec.authorized for spec in routes) else None
        )
        stage = self._add_stage(routes)
        integrations: dict[FunctionSpec, str] = {}
        for spec in routes:
            if spec.function not in integrations:
                integrations[spec.function] = self._integrate(spec.function)
            route = self._add_route(spec, integrations[spec.function], authorizer)
            # The stage's route settings require the route to exist.
            stage.add_resource_dependency(route)
            self._permit(spec)

    @property
    def api_id(self) -> str:
        """The API's ID in metrics and logs."""
        return self._api.ref

    @property
    def url(self) -> str:
        """The base URL, to which clients append a route's path."""
        stack = Stack.of(self._scope)
        return f"https://{self._api.ref}.execute-api.{stack.region}.{stack.url_suffix}"

    def _add_authorizer(self, identity: Identity) -> str:
        """Require access tokens of the user pool in the Authorization header.

        API Gateway matches the audience against `client_id` where a token has no `aud`:
        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
        """
        authorizer = apigateway.CfnAuthorizer(
            self._scope,
            "HttpAuthorizer",
            api_id=self._api.ref,
            name="users",
            authorizer_type="JWT",
            identity_source=["$request.header.Authorization"],
            jwt_configuration=apigateway.CfnAuthorizer.JWTConfigurationProperty(
                audience=[identity.client_id], issuer=identity.issuer
            ),
        )
        return authorizer.ref

    def _add_stage(self, routes: Collection[HttpRouteSpec]) -> apigateway.CfnStage:
        config = self._config
        access = logs.LogGroup(
            self._scope,
            "HttpAccessLogs",
            # AWS grants its services access to groups with this prefix. Other groups share one
            # resource policy per account, whose size is limited.
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
            log_group_name=f"/aws/vendedlogs/{config.resource_name('http-access')}",
            retention=config.log_retention,
            removal_policy=config.removal_policy,
        )
        throttles = {spec.key: config.route_throttles.get(spec.key) for spec in routes}
        return apigateway.CfnStage(
            self._scope,
            "HttpStage",
            api_id=self._api.ref,
            stage_name=STAGE,
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=config.http_throttle.rate,
                throttling_burst_limit=config.http_throttle.burst,
                detailed_metrics_enabled=True,
            ),
            route_settings={
                key: {
                    "ThrottlingRateLimit": throttle.rate,
                    "ThrottlingBurstLimit": throttle.burst,
                    "DetailedMetricsEnabled": True,
                }
                for key, throttle in throttles.items()
                if throttle is not None
            },
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=access.log_group_arn, format=json.dumps(_ACCESS_LOG)
            ),
        )

    def _add_route(
        self, spec: HttpRouteSpec, integration: str, authorizer: str | None
    ) -> apigateway.CfnRoute:
        return apigateway.CfnRoute(
            self._scope,
            construct_id(spec.key, "Route"),
            api_id=self._api.ref,
            route_key=spec.key,
            target=f"integrations/{integration}",
            authorization_type="JWT" if spec.authorized else "NONE",
            authorizer_id=authorizer if spec.authorized else None,
        )

    def _integrate(self, spec: FunctionSpec) -> str:
        integration = apigateway.CfnIntegration(
            self._scope,
            construct_id(spec.name, "HttpIntegration"),
            api_id=self._api.ref,
            integration_type="AWS_PROXY",
            integration_uri=self._functions[spec].arn,
            payload_format_version="2.0",
        )
        return integration.ref

    def _permit(self, spec: HttpRouteSpec) -> None:
        """Let API Gateway invoke the function for this route.

        The stage is a wildcard, as in AWS's own tools: whether `$default` is valid in the ARN is
        undocumented, and there is only one stage. The method is the request's.
        """
        method = "*" if spec.method == "ANY" else spec.method
        lambda_.CfnPermission(
            self._scope,
            construct_id(spec.key, "Permission"),
            action="lambda:InvokeFunction",
            function_name=self._functions[spec.function].arn,
            principal="apigateway.amazonaws.com",
            source_arn=Stack.of(self._scope).format_arn(
                service="execute-api",
                resource=self._api.ref,
                resource_name=f"*/{method}{spec.path}",
            ),
        )
