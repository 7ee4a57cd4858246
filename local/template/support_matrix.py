"""What of CloudFormation this package understands, resource type by resource type.

A property is either used or ignored for a stated reason; any other one stops the start, because
running on without it would mean to test something else than what gets deployed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.base.errors import TemplateError

_NAME_ONLY = "a name for people"
_TAGS = "tags change nothing at run time"
_LOGS = "functions log into files here"
_ALARMS = "there are no alarms here to tell anybody of"
_USERS = "tokens are issued without users, passwords or sign-in flows"
_ONE_RUN = "messages live in memory for one run"
_EVENTS = "an event is tried once here, as soon as there is a worker"
_ADDRESS = "this machine has an address of its own"
_ONE_VERSION = "new code takes the place of the old one at once"
_DURABILITY = "the tables live for one run"


@dataclass(frozen=True)
class Support:
    """The properties of one resource type: those used, and those ignored with the reason."""

    used: frozenset[str] = frozenset()
    ignored: Mapping[str, str] = field(default_factory=dict)
    # All that this type says is without effect here.
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
        AutoDeploy="the template as it stands is what runs",
        DeploymentId="the template as it stands is what runs",
        AccessLogSettings=_LOGS,
        Description=_NAME_ONLY,
        Tags=_TAGS,
    ),
    "AWS::ApiGatewayV2::Deployment": _ignore("the template as it stands is what runs"),
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
        Architectures="the functions run on this machine's processor",
        Layers="the virtual environment holds the same pinned packages",
        Description=_NAME_ONLY,
        TracingConfig="there is no X-Ray here",
        RecursiveLoop="loop detection is not imitated",
        ReservedConcurrentExecutions="the number of workers is a setting of the local run",
        Tags=_TAGS,
    ),
    "AWS::Lambda::Version": _support("FunctionName", Description=_NAME_ONLY),
    "AWS::Lambda::Alias": _support(
        "FunctionName Name",
        FunctionVersion="one version of the code is there at a time",
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
        DestinationConfig="what a function fails on is in its log here",
    ),
    "AWS::Lambda::Permission": _support(
        "Action FunctionName Principal SourceArn",
        SourceAccount="one API is the only caller here",
    ),
    "AWS::Lambda::LayerVersion": _ignore("the virtual environment holds the same pinned packages"),
    "AWS::DynamoDB::Table": _support(
        "TableName AttributeDefinitions KeySchema GlobalSecondaryIndexes TimeToLiveSpecification",
        BillingMode="nothing is billed here",
        ProvisionedThroughput="the local database has no capacity limit",
        OnDemandThroughput="the local database has no capacity limit",
        PointInTimeRecoverySpecification=_DURABILITY,
        DeletionProtectionEnabled=_DURABILITY,
        SSESpecification=_DURABILITY,
        TableClass="nothing is billed here",
        ContributorInsightsSpecification="there is no CloudWatch here",
        Tags=_TAGS,
    ),
    "AWS::SQS::Queue": _support(
        "QueueName DelaySeconds VisibilityTimeout MessageRetentionPeriod RedrivePolicy",
        SqsManagedSseEnabled=_ONE_RUN,
        Tags=_TAGS,
    ),
    # It counts for rules; functions need grants of their own, and nobody else is here.
    "AWS::SQS::QueuePolicy": _support("PolicyDocument Queues"),
    "AWS::SecretsManager::Secret": _support(
        "Name GenerateSecretString",
        Description=_NAME_ONLY,
        KmsKeyId="nothing is encrypted here",
        Tags=_TAGS,
    ),
    "AWS::Events::Rule": _support(
        "Name ScheduleExpression State Targets", Description=_NAME_ONLY, Tags=_TAGS
    ),
    "AWS::Lambda::EventSourceMapping": _support(
        "EventSourceArn FunctionName BatchSize MaximumBatchingWindowInSeconds Enabled"
        " FunctionResponseTypes ScalingConfig",
        MetricsConfig="there is no CloudWatch here",
        Tags=_TAGS,
    ),
    # Enforced; what a role may not say here is refused by its reader.
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
    "AWS::KMS::Key": _ignore("it encrypts what alarms say, and nothing else"),
    "AWS::CloudWatch::Alarm": _ignore("there is no CloudWatch here"),
    "AWS::CloudWatch::Dashboard": _ignore("there is no CloudWatch here"),
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
    "AWS::Cognito::UserPoolGroup": _ignore("tokens name any groups that they are asked for"),
    "AWS::CDK::Metadata": _ignore("statistics for AWS"),
}

# What may stand beside Type and Properties. A Condition may not: it is not evaluated.
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
# Parameters are read where something refers to them; Rules and Outputs concern deployment.
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
    """Refuse a section of the template whose meaning would be lost."""
    if name not in _SECTIONS:
        raise TemplateError(f"section {name!r} of the template is not supported")


def check_resource(logical_id: str, resource: Mapping[str, object]) -> None:
    """Refuse what this package neither uses nor ignores for a reason."""
    kind = resource.get("Type")
    support = SUPPORT.get(str(kind))
    if support is None:
        raise TemplateError(f"{logical_id}: resource type {kind} is not supported")
    for attribute in resource:
        if attribute not in _RESOURCE_ATTRIBUTES and not support.ignored_whole:
            raise TemplateError(f"{logical_id} ({kind}): attribute {attribute} is not supported")
    properties = resource.get("Properties", {})
    if not isinstance(properties, Mapping):
        raise TemplateError(f"{logical_id} ({kind}): Properties is no object")
    if support.ignored_whole:
        return
    for name in properties:
        if name not in support.used and name not in support.ignored:
            raise TemplateError(
                f"{logical_id} ({kind}): property {name} is neither used nor known to be without "
                f"effect on this machine; see local/template/support_matrix.py"
            )
