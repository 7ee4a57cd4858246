"""The probe's stacks: an API with all kinds of route, and a strict one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from infrastructure.api.websocket_api import WebSocketApi
from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.routes import RouteSpec
from infrastructure.compute.layer import ARCHITECTURE, RUNTIME
from infrastructure.resources.delivery import Served
from infrastructure.stage.config import ConnectIdentity, GatewayLogRole
from infrastructure.stage.context import config_from
from shared.utils.settings import Settings

_ROOT = Path(__file__).parent.parent
# Only the package `conformance.probe` is deployed; .dockerignore syntax.
_EXCLUDED = ["*", "!conformance", "conformance/*", "!conformance/probe", "**/__pycache__"]
# Longer than the integration timeout, so that tests can observe that timeout.
_TIMEOUT_SECONDS = 40

FUNCTION = FunctionSpec("probe", Settings)


@dataclass(frozen=True)
class Api:
    """One of the probe's APIs.

    `identity_source` lists the authorizer's identity sources. None means those of a Lingocast
    stage: an empty list, or the header Host with `--context identitySource=host`.
    """

    stage: str
    routes: tuple[RouteSpec, ...]
    identity_source: Sequence[str] | None = None


#: The main API: the route `ask` replies, `tell` does not.
PROBE = Api(
    "conformance",
    (
        RouteSpec("$connect", FUNCTION),
        RouteSpec("$disconnect", FUNCTION),
        RouteSpec("$default", FUNCTION, replies=True),
        RouteSpec("ask", FUNCTION, replies=True),
        RouteSpec("tell", FUNCTION),
    ),
)
#: Without $default, and with a required token. The second identity source, the header Host, shows
#: whether API Gateway accepts a header that every client sends.
STRICT = Api(
    "conformance-strict",
    (RouteSpec("$connect", FUNCTION), RouteSpec("ask", FUNCTION, replies=True)),
    ("route.request.querystring.token", *ConnectIdentity.HOST.sources),
)


class ProbeStack(cdk.Stack):
    """An API with one function that executes commands; it stores no data."""

    def __init__(self, scope: Construct, api: Api) -> None:
        identity = scope.node.try_get_context("identitySource")
        config = replace(
            config_from({"identitySource": identity}.get),
            stage=api.stage,
            gateway_log_role=GatewayLogRole.OFF,
        )
        super().__init__(
            scope,
            config.stack_name,
            stack_name=config.stack_name,
            description="Lingocast: probe of API Gateway's behaviour",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        websocket = WebSocketApi(self, config)
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{config.resource_name(FUNCTION.name)}",
            retention=config.log_retention,
            removal_policy=config.removal_policy,
        )
        function = self._function(config.resource_name(FUNCTION.name), websocket, log_group)
        websocket.serve(api.routes, {FUNCTION: Served(function)}, FUNCTION, api.identity_source)
        cdk.CfnOutput(self, "WebSocketUrl", value=websocket.url)

    def _function(
        self, name: str, websocket: WebSocketApi, log_group: logs.LogGroup
    ) -> lambda_.CfnFunction:
        code = assets.Asset(
            self,
            "Code",
            path=str(_ROOT),
            ignore_mode=cdk.IgnoreMode.DOCKER,
            exclude=_EXCLUDED,
        )
        return lambda_.CfnFunction(
            self,
            "Function",
            function_name=name,
            handler="conformance.probe.handler.lambda_handler",
            runtime=RUNTIME.name,
            architectures=[ARCHITECTURE.name],
            code=lambda_.CfnFunction.CodeProperty(
                s3_bucket=code.s3_bucket_name, s3_key=code.s3_object_key
            ),
            memory_size=512,
            timeout=_TIMEOUT_SECONDS,
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={"API_GATEWAY_ENDPOINT": websocket.endpoint}
            ),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(
                log_group=log_group.log_group_name
            ),
            role=self._role(websocket, log_group).role_arn,
        )

    def _role(self, websocket: WebSocketApi, log_group: logs.LogGroup) -> iam.Role:
        """The function's role: write its log and manage the connections of its API."""
        statements = [
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[
                    self.format_arn(
                        service="logs",
                        resource="log-group",
                        resource_name=f"{log_group.log_group_name}:log-stream:*",
                        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                    )
                ],
            ),
            iam.PolicyStatement(
                actions=["execute-api:ManageConnections"],
                resources=[
                    websocket.execute_arn(f"{method}/@connections/*")
                    for method in ("POST", "GET", "DELETE")
                ],
            ),
        ]
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"grants": iam.PolicyDocument(statements=statements)},
        )
