"""Supported CloudFormation resource types and properties.

Each property is either used, or ignored for a stated reason. Any other property is an error:
without it the local stack would differ from the deployed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.base.errors import TemplateError

_NAME_ONLY = "a descriptive name"
_TAGS = "tags have no effect at run time"
_LOGS = "functions log to files"
_ALARMS = "the local stack has no alarms"
_USERS = "tokens are issued without users, passwords or sign-in flows"
_ONE_RUN = "messages are kept in memory for one run"
_EVENTS = "asynchronous events are tried once, as soon as a worker is free"
_ADDRESS = "the local stack has an address of its own"
_ONE_VERSION = "new code replaces the old code at once"
_DURABILITY = "tables are kept for one run"
_NO_CLOUDWATCH = "the local stack has no CloudWatch"
_DEPLOYMENT = "the template always runs as it is"
_LAYER = "the virtual environment contains the same pinned packages"
_BILLING = "the local stack has no billing"
_CAPACITY = "the local database has no capacity limit"


@dataclass(frozen=True)
class Support:
    """The used and the ignored properties of a resource type, the latter with the reason."""

    used: frozenset[str] = frozenset()
    ignored: Mapping[str, str] = field(default_factory=dict)
    # Reason why the whole resource is ignored, or empty.
    ignored_whole: str = ""


def _support(used: str, **ignored: str) -> Support:
    return Support(frozenset(used.split()), ignored)


def _ignore(reason: str) -> Support:
    return Support(ignored_whole=reason)


SUPPORT: Mapping[str, Support] = {
    "AWS::ApiGatewayV2::Api": _support(
        "ProtocolType RouteSelectionExpression", Name=_NAME_ONLY, Description=_NAME_ONLY, Tags=_TAGS
    ),
    "AWS::ApiGatewayV2::Stage": _support(
        "ApiId StageName DefaultRouteSettings RouteSettings",
        AutoDeploy=_DEPLOYMENT,
        DeploymentId=_DEPLOYMENT,
        AccessLogSettings=_LOGS,
        Description=_NAME_ONLY,
        Tags=_TAGS,
    ),
    "AWS::ApiGatewayV2::Deployment": _ignore(_DEPLOYMENT),
    "AWS::ApiGatewayV2::Route": _support(
        "ApiId RouteKey Target AuthorizationType AuthorizerId RouteResponseSelectionExpression",
        OperationName=_NAME_ONLY,
    ),
    "AWS::ApiGatewayV2::RouteResponse": _support("ApiId RouteId RouteResponseKey"),
    "AWS::ApiGatewayV2::Integration": _support(
        "ApiId IntegrationType IntegrationUri PayloadFormatVersion", Description=_NAME_ONLY
    ),
    # A proxy integration returns what the function returns, with or without such a resource.
    "AWS::ApiGatewayV2::IntegrationResponse": _support(
        "ApiId IntegrationId IntegrationResponseKey"
    ),
    "AWS::ApiGatewayV2::Authorizer": _support(
        "ApiId AuthorizerType AuthorizerUri IdentitySource JwtConfiguration", Name=_NAME_ONLY
    ),
    "AWS::Lambda::Function": _support(
        "FunctionName Handler Code Environment Timeout MemorySize Runtime LoggingConfig Role",
        Architectures="functions run on this machine's processor",
        Layers=_LAYER,
        Description=_NAME_ONLY,
        TracingConfig="the local stack has no X-Ray",
        RecursiveLoop="loop detection is not simulated",
        ReservedConcurrentExecutions="the number of workers is a setting of the local run",
        Tags=_TAGS,
    ),
    "AWS::Lambda::Version": _support("FunctionName", Description=_NAME_ONLY),
    "AWS::Lambda::Alias": _support(
        "FunctionName Name",
        FunctionVersion="the code has one version at a time",
        Description=_NAME_ONLY,
    ),
    "AWS::CodeDeploy::Application": _ignore(_ONE_VERSION),
    "AWS::CodeDeploy::DeploymentGroup": _ignore(_ONE_VERSION),
    "AWS::Lambda::EventInvokeConfig": _support(
        "",
        FunctionName=_EVENTS,
        Qualifier=_EVENTS,
        MaximumRetryAttempts=_EVENTS,
        MaximumEventAgeInSeconds=_EVENTS,
        DestinationConfig="failed events are in the function's log",
    ),
    "AWS::Lambda::Permission": _support(
        "Action FunctionName Principal SourceArn",
        SourceAccount="the local stack has only one account",
    ),
    "AWS::Lambda::LayerVersion": _ignore(_LAYER),
    "AWS::DynamoDB::Table": _support(
        "TableName AttributeDefinitions KeySchema GlobalSecondaryIndexes TimeToLiveSpecification",
        BillingMode=_BILLING,
        ProvisionedThroughput=_CAPACITY,
        OnDemandThroughput=_CAPACITY,
        PointInTimeRecoverySpecification=_DURABILITY,
        DeletionProtectionEnabled=_DURABILITY,
        SSESpecification=_DURABILITY,
        TableClass=_BILLING,
        ContributorInsightsSpecification=_NO_CLOUDWATCH,
        Tags=_TAGS,
    ),
    "AWS::SQS::Queue": _support(
        "QueueName DelaySeconds VisibilityTimeout MessageRetentionPeriod RedrivePolicy",
        SqsManagedSseEnabled=_ONE_RUN,
        Tags=_TAGS,
    ),
    # Enforced for rules only: functions need permissions in their roles.
    "AWS::SQS::QueuePolicy": _support("PolicyDocument Queues"),
    "AWS::SecretsManager::Secret": _support(
        "Name GenerateSecretString",
        Description=_NAME_ONLY,
        KmsKeyId="local secrets are not encrypted",
        Tags=_TAGS,
    ),
    "AWS::Events::Rule": _support(
        "Name ScheduleExpression State Targets", Description=_NAME_ONLY, Tags=_TAGS
    ),
    "AWS::Lambda::EventSourceMapping": _support(
        "EventSourceArn FunctionName BatchSize MaximumBatchingWindowInSeconds Enabled"
        " FunctionResponseTypes ScalingConfig",
        MetricsConfig=_NO_CLOUDWATCH,
        Tags=_TAGS,
    ),
    # Enforced; the role reader rejects unsupported elements of policies.
    "AWS::IAM::Role": _support(
        "RoleName AssumeRolePolicyDocument Policies ManagedPolicyArns PermissionsBoundary",
        Description=_NAME_ONLY,
        MaxSessionDuration="the credentials last as long as the run",
        Path=_NAME_ONLY,
        Tags=_TAGS,
    ),
    "AWS::IAM::Policy": _support("PolicyDocument Roles", PolicyName=_NAME_ONLY),
    "AWS::ApiGatewayV2::DomainName": _ignore(_ADDRESS),
    "AWS::ApiGatewayV2::ApiMapping": _ignore(_ADDRESS),
    "AWS::Route53::RecordSet": _ignore(_ADDRESS),
    "AWS::Logs::LogGroup": _ignore(_LOGS),
    "AWS::ApiGateway::Account": _ignore(_LOGS),
    "AWS::SNS::Topic": _ignore(_ALARMS),
    "AWS::SNS::TopicPolicy": _ignore(_ALARMS),
    "AWS::SNS::Subscription": _ignore(_ALARMS),
    "AWS::KMS::Key": _ignore("the key encrypts only alarm notifications"),
    "AWS::CloudWatch::Alarm": _ignore(_NO_CLOUDWATCH),
    "AWS::CloudWatch::Dashboard": _ignore(_NO_CLOUDWATCH),
    "AWS::Cognito::UserPool": _ignore(_USERS),
    "AWS::Cognito::UserPoolClient": _support(
        "UserPoolId",
        AccessTokenValidity=_USERS,
        AllowedOAuthFlows=_USERS,
        AllowedOAuthFlowsUserPoolClient=_USERS,
        AllowedOAuthScopes=_USERS,
        CallbackURLs=_USERS,
        ClientName=_NAME_ONLY,
        EnableTokenRevocation=_USERS,
        ExplicitAuthFlows=_USERS,
        GenerateSecret=_USERS,
        IdTokenValidity=_USERS,
        PreventUserExistenceErrors=_USERS,
        RefreshTokenRotation=_USERS,
        RefreshTokenValidity=_USERS,
        SupportedIdentityProviders=_USERS,
        TokenValidityUnits=_USERS,
    ),
    "AWS::Cognito::UserPoolGroup": _ignore("a token contains any groups that are requested"),
    "AWS::CDK::Metadata": _ignore("usage statistics for AWS"),
}

# Supported attributes of a resource. Condition is not: conditions are not evaluated.
_RESOURCE_ATTRIBUTES = frozenset(
    {
        "Type",
        "Properties",
        "DependsOn",
        "DeletionPolicy",
        "UpdatePolicy",
        "UpdateReplacePolicy",
        "Metadata",
    }
)
# Parameters are read on reference; Rules and Outputs matter only for deployment.
_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
    }
)


def check_section(name: str) -> None:
    """Raise TemplateError for an unsupported section of the template."""
    if name not in _SECTIONS:
        raise TemplateError(f"section {name!r} of the template is not supported")


def check_resource(logical_id: str, resource: Mapping[str, object]) -> None:
    """Raise TemplateError for an unsupported type, attribute or property."""
    kind = resource.get("Type")
    support = SUPPORT.get(str(kind))
    if support is None:
        raise TemplateError(f"{logical_id}: resource type {kind} is not supported")
    for attribute in resource:
        if attribute not in _RESOURCE_ATTRIBUTES and not support.ignored_whole:
            raise TemplateError(f"{logical_id} ({kind}): attribute {attribute} is not supported")
    properties = resource.get("Properties", {})
    if not isinstance(properties, Mapping):
        raise TemplateError(f"{logical_id} ({kind}): Properties is not an object")
    if support.ignored_whole:
        return
    for name in properties:
        if name not in support.used and name not in support.ignored:
            raise TemplateError(
                f"{logical_id} ({kind}): property {name} is not supported; add it to "
                f"local/template/support_matrix.py, as used or with the reason to ignore it"
            )
