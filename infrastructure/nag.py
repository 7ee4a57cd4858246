"""The rules of AWS's solutions (cdk-nag), and every finding that stays, each with its reason.

Only where asked for (`--context nag=true`): it takes time, and cdk-nag is installed with the tools
for tests alone. https://github.com/cdklabs/cdk-nag/blob/main/RULES.md
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from infrastructure.api.websocket_api import CONNECT_ROUTE
from infrastructure.catalogue.function_spec import Resource
from infrastructure.catalogue.function_table import FUNCTIONS
from infrastructure.catalogue.http_routes import HTTP_ROUTES
from infrastructure.catalogue.naming import construct_id
from infrastructure.catalogue.routes import ROUTES
from infrastructure.resources.queues import LOST_EVENTS
from infrastructure.stage.config import ConfigError

_PACK = "AwsSolutions"


class StaleAcknowledgementError(ConfigError):
    """A finding is acknowledged that there is not, or no longer; the message names it."""


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that a construct breaks: its path below the stack, and the rule's full id."""

    construct: str
    rule: str


@dataclass(frozen=True)
class Acknowledgement:
    """A finding that stays."""

    finding: Finding
    reason: str


def check(app: cdk.App, stack: cdk.Stack) -> None:
    """Have the synthesis fail for every finding that is not acknowledged.

    Raises StaleAcknowledgementError, or ConfigError where CDK_VALIDATION=false turns the CDK's own
    validation off, which applies the rules.
    """
    if os.environ.get("CDK_VALIDATION") == "false":
        raise ConfigError("nag: CDK_VALIDATION=false would skip its rules")
    acknowledged = list(acknowledgements(stack))
    stale = {item.finding for item in acknowledged} - findings(app, stack)
    if stale:
        names = "; ".join(f"{item.construct} {item.rule}" for item in sorted(stale))
        raise StaleAcknowledgementError(f"infrastructure/nag.py acknowledges what is not: {names}")
    for item in acknowledged:
        construct: IConstruct = stack
        for name in item.finding.construct.split("/"):
            construct = construct.node.find_child(name)
        cdk.Validations.of(construct).acknowledge(
            cdk.Acknowledgment(id=f"{_PACK}::{item.finding.rule}", reason=item.reason)
        )
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def findings(app: cdk.App, stack: cdk.Stack) -> set[Finding]:
    """Everything that the rules find in the stack, but for what is acknowledged by now."""
    below = f"{stack.node.path}/"
    report = AwsSolutionsChecks(app).validate_scope(stack)
    return {
        Finding(str(resource.construct_path).removeprefix(below), violation.rule_name)
        for violation in report.violations
        for resource in violation.violating_resources
    }


def acknowledgements(stack: cdk.Stack) -> Iterator[Acknowledgement]:
    """All that stay."""
    yield _of(
        "UserPool",
        "COG2",
        "MFA is offered (authenticator app), not forced: an administrator makes each of the few "
        "accounts, and a token gives no more than speaking in sessions of one's own for an hour.",
    )
    yield _of(
        "UserPool",
        "COG8",
        "The Plus tier's risk scoring is billed per active user. There is no self-registration, "
        "and a wrong name is answered as a wrong password is; whoever needs it sets the tier.",
    )
    yield _of(
        "GatewayLogRole/Resource",
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        "This role is one for all APIs of the account and Region, so no narrower resource is "
        "right; API Gateway checks that it may do exactly what AWS's policy for it says.",
    )
    yield _of(
        f"{construct_id(LOST_EVENTS)}/Resource",
        "SQS3",
        "It is the dead-letter queue of functions and rules, which the rule cannot see.",
    )
    if stack.node.try_find_child("DeliveryRole"):
        yield _of(
            "DeliveryRole/Resource",
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
            "service-role/AWSCodeDeployRoleForLambdaLimited]",
            "AWS's own policy for what CodeDeploy does with Lambda; it grows with the service.",
        )
    for route in ROUTES:
        if route.key != CONNECT_ROUTE:
            yield _of(
                construct_id(route.key, "Route"),
                "APIG4",
                "A WebSocket API authorizes the handshake ($connect) and no other route; its "
                "result reaches every later request of the connection.",
            )
    for http_route in HTTP_ROUTES:
        if not http_route.authorized:
            yield _of(
                construct_id(http_route.key, "Route"),
                "APIG4",
                "What a system outside sends bears no user's token: the function checks the "
                "signature of each request before it reads it.",
            )
    yield _of(
        "SyncSecret",
        "SMG4",
        "Who signs with it is outside and takes a new value by hand, so no function could rotate "
        "it: docs/operations.md says how to.",
    )
    for spec in FUNCTIONS:
        role = f"{construct_id(spec.name, 'Role')}/Resource"
        yield _of(
            construct_id(spec.name, "Function"),
            "L1",
            "Python 3.13 is supported by Lambda until June 2029. The runtime goes up when the "
            "local one, AWS's client and all wheels of the layer have been tested on the next.",
        )
        yield _of(
            role,
            f"IAM5[Resource::{_arn('logs', f'log-group:<{_log_group(stack, spec.name)}>')}"
            ":log-stream:*]",
            "Each execution environment names its own log stream; the log group is exact.",
        )
        if any(grant.resource is Resource.NO_RESOURCE for grant in spec.grants):
            yield _of(
                role,
                "IAM5[Resource::*]",
                "Transcribe's streams, Translate's texts and Polly's speech are no resources that "
                "a policy could name; each is granted by the one action that is called: see "
                "https://docs.aws.amazon.com/service-authorization/latest/reference/.",
            )
        for grant in spec.grants:
            if grant.resource in (Resource.POST_TO_CONNECTION, Resource.CLOSE_CONNECTION):
                path = f"<WebSocketApi>/{_stage(stack)}/{grant.resource.value}"
                yield _of(
                    role,
                    f"IAM5[Resource::{_arn('execute-api', path)}]",
                    "The last part is a connection's id, which exists as long as the connection; "
                    "API, stage and method are exact.",
                )


def _of(construct: str, rule: str, reason: str) -> Acknowledgement:
    return Acknowledgement(Finding(construct, f"{_PACK}-{rule}"), reason)


def _arn(service: str, resource: str) -> str:
    """As the rules write what only a deployment knows."""
    return f"arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:{resource}"


def _log_group(stack: cdk.Stack, function: str) -> str:
    resource = stack.node.find_child(construct_id(function, "Logs")).node.default_child
    assert isinstance(resource, cdk.CfnElement)
    return str(stack.resolve(resource.logical_id))


def _stage(stack: cdk.Stack) -> str:
    stage = stack.node.find_child("Stage")
    assert isinstance(stage, cdk.aws_apigatewayv2.CfnStage)
    return stage.stage_name
