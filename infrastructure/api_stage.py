"""The stage of the WebSocket API: how much it takes, and what it writes down about it."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as account_api
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.config import GatewayLogRole, StageConfig, Throttle

# One line for each request of a client; deliveries to clients are none. Neither the query string,
# in which the token travels, nor the body, in which the audio does, nor the client's address.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
_ACCESS_LOG = {
    "requestTime": "$context.requestTimeEpoch",
    "requestId": "$context.requestId",
    "connectionId": "$context.connectionId",
    "eventType": "$context.eventType",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "error": "$context.error.message",
    "integrationRequestId": "$context.integration.requestId",
    "integrationStatus": "$context.integrationStatus",
    "integrationLatency": "$context.integrationLatency",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerStatus": "$context.authorizer.status",
    "authorizerLatency": "$context.authorizer.latency",
    "authorizerError": "$context.authorizer.error",
}
_LOGGING_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"


def create_stage(scope: Construct, config: StageConfig, api_id: str) -> apigateway.CfnStage:
    """The stage, its logs, and where that is this stack's affair, the right to write them."""
    access_log = logs.LogGroup(
        scope,
        "AccessLogs",
        log_group_name=f"/aws/apigateway/{config.resource_name('access')}",
        retention=config.log_retention,
        removal_policy=config.removal_policy,
    )
    stage = apigateway.CfnStage(
        scope,
        "Stage",
        api_id=api_id,
        stage_name=config.stage,
        auto_deploy=True,
        access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=access_log.log_group_arn,
            format=json.dumps(_ACCESS_LOG),
        ),
        default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=config.throttle.rate,
            throttling_burst_limit=config.throttle.burst,
            detailed_metrics_enabled=True,
            logging_level="ERROR",
            # It would write down every message, audio and all.
            data_trace_enabled=False,
        ),
        # By route, each on its own: nothing is taken over from the default.
        route_settings={
            key: _route_settings(throttle) for key, throttle in config.route_throttles.items()
        },
    )
    # API Gateway would make this one by itself at the first error, and it would never expire.
    errors = logs.LogGroup(
        scope,
        "ExecutionLogs",
        log_group_name=f"/aws/apigateway/{api_id}/{config.stage}",
        retention=config.log_retention,
        removal_policy=config.removal_policy,
    )
    stage.node.add_dependency(errors)
    if config.gateway_log_role is GatewayLogRole.CREATE:
        stage.node.add_dependency(_let_api_gateway_log(scope))
    return stage


def _route_settings(throttle: Throttle) -> dict[str, object]:
    """As the resource type spells them, whose map of routes has no type in the library."""
    return {
        "ThrottlingRateLimit": throttle.rate,
        "ThrottlingBurstLimit": throttle.burst,
        "DetailedMetricsEnabled": True,
        "LoggingLevel": "ERROR",
        "DataTraceEnabled": False,
    }


def _let_api_gateway_log(scope: Construct) -> account_api.CfnAccount:
    """Without such a role in the account, a stage that logs cannot be deployed."""
    role = iam.Role(
        scope,
        "GatewayLogRole",
        assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_LOGGING_POLICY)],
    )
    account = account_api.CfnAccount(scope, "GatewayAccount", cloud_watch_role_arn=role.role_arn)
    for kept in (role, account):
        kept.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    return account
