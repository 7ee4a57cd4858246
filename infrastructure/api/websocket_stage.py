"""The stage of the WebSocket API: throttles and access logs."""

from __future__ import annotations

import json
from collections.abc import Collection

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as account_api
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.stage.config import GatewayLogRole, StageConfig
from infrastructure.stage.throttles import Throttle

# One line per client request (deliveries are not logged), without the query string, which may hold
# the token, the body, which may hold audio, and the client's address.
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
    "integrationStatus": "$context.integration.integrationStatus",
    "functionStatus": "$context.integration.status",
    "integrationLatency": "$context.integration.latency",
    "integrationError": "$context.integration.error",
    "authorizerStatus": "$context.authorizer.status",
    "authorizerLatency": "$context.authorizer.latency",
    "authorizerError": "$context.authorizer.error",
}
_LOGGING_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"


def create_stage(
    scope: Construct, config: StageConfig, api: apigateway.CfnApi, routes: Collection[str]
) -> apigateway.CfnStage:
    """Create the stage with its logs and, if configured, the account's logging role."""
    writes = config.gateway_log_role is not GatewayLogRole.OFF
    settings = _route_settings(config.throttle, writes=writes)
    stage = apigateway.CfnStage(
        scope,
        "Stage",
        api_id=api.ref,
        stage_name=config.stage,
        auto_deploy=True,
        default_route_settings=settings,
        # Route settings inherit nothing from the defaults.
        route_settings={
            key: _as_json(_route_settings(throttle, writes=writes))
            for key, throttle in config.route_throttles.items()
            if key in routes
        },
    )
    if writes:
        _add_logs(scope, config, stage)
    if config.gateway_log_role is GatewayLogRole.CREATE:
        account = _create_logging_role(scope)
        # Required in an account that has never had an API:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-account.html
        account.node.add_dependency(api)
        stage.node.add_dependency(account)
    return stage


def _route_settings(
    throttle: Throttle, *, writes: bool
) -> apigateway.CfnStage.RouteSettingsProperty:
    return apigateway.CfnStage.RouteSettingsProperty(
        throttling_rate_limit=throttle.rate,
        throttling_burst_limit=throttle.burst,
        detailed_metrics_enabled=True,
        logging_level="ERROR" if writes else "OFF",
        # Data traces would log every message, including audio.
        data_trace_enabled=False,
    )


def _as_json(settings: apigateway.CfnStage.RouteSettingsProperty) -> dict[str, object]:
    """The settings as CloudFormation spells them; the CDK types no map of routes."""
    return {
        "ThrottlingRateLimit": settings.throttling_rate_limit,
        "ThrottlingBurstLimit": settings.throttling_burst_limit,
        "DetailedMetricsEnabled": settings.detailed_metrics_enabled,
        "LoggingLevel": settings.logging_level,
        "DataTraceEnabled": settings.data_trace_enabled,
    }


def _add_logs(scope: Construct, config: StageConfig, stage: apigateway.CfnStage) -> None:
    access = logs.LogGroup(
        scope,
        "AccessLogs",
        log_group_name=f"/aws/apigateway/{config.resource_name('access')}",
        retention=config.log_retention,
        removal_policy=config.removal_policy,
    )
    stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
        destination_arn=access.log_group_arn, format=json.dumps(_ACCESS_LOG)
    )
    # Otherwise API Gateway creates this group at the first error, without expiry.
    errors = logs.LogGroup(
        scope,
        "ExecutionLogs",
        log_group_name=f"/aws/apigateway/{stage.api_id}/{config.stage}",
        retention=config.log_retention,
        removal_policy=config.removal_policy,
    )
    stage.node.add_dependency(errors)


def _create_logging_role(scope: Construct) -> account_api.CfnAccount:
    """The account's logging role, without which a stage with logs cannot be deployed."""
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
