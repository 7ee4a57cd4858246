"""Checks the AWS Solutions rules (cdk-nag), and acknowledges findings with their reasons.

Enabled by `--context nag=true`, because it is slow and cdk-nag is installed with the tests' tools.
https://github.com/cdklabs/cdk-nag/blob/main/RULES.md
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
    """An acknowledged finding does not exist (any more); the message names it."""


@dataclass(frozen=True, order=True)
class Finding:
    """A violated rule: the construct's path below the stack, and the rule's full ID."""

    construct: str
    rule: str


@dataclass(frozen=True)
class Acknowledgement:
    """An accepted finding and the reason."""

    finding: Finding
    reason: str


def check(app: cdk.App, stack: cdk.Stack) -> None:
    """Make synthesis fail for every finding that is not acknowledged.

    Raises StaleAcknowledgementError, or ConfigError if CDK_VALIDATION=false disables the CDK's
    validation, which applies the rules.
    """
    if os.environ.get("CDK_VALIDATION") == "false":
        raise ConfigError("nag: CDK_VALIDATION=false would skip the rules; unset it")
    acknowledged = list(acknowledgements(stack))
    stale = {item.finding for item in acknowledged} - findings(app, stack)
    if stale:
        names = "; ".join(f"{item.construct} {item.rule}" for item in sorted(stale))
        raise StaleAcknowledgementError(
            f"infrastructure/nag.py acknowledges findings that do not exist: {names}"
        )
    for item in acknowledged:
        construct: IConstruct = stack
        for name in item.finding.construct.split("/"):
            construct = construct.node.find_child(name)
        cdk.Validations.of(construct).acknowledge(
            cdk.Acknowledgment(id=f"{_PACK}::{item.finding.rule}", reason=item.reason)
        )
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def findings(app: cdk.App, stack: cdk.Stack) -> set[Finding]:
    """The findings in the stack that are not acknowledged yet."""
    below = f"{stack.node.path}/"
    report = AwsSolutionsChecks(app).validate_scope(stack)
    return {
        Finding(str(resource.construct_path).removeprefix(below), violation.rule_name)
        for violation in report.violations
        for resource in violation.violating_resources
    }


def acknowledgements(stack: cdk.Stack) -> Iterator[Acknowledgement]:
    """All accepted findings."""
    yield _of(
        "UserPool",
        "COG2",
        "MFA (authenticator app) is optional: an administrator creates each of the few accounts, "
        "and a token allows no more than speaking or interpreting until it expires.",
    )
    yield _of(
        "UserPool",
        "COG8",
        "The Plus tier's risk scoring is billed per active user. There is no self-registration, "
        "and unknown users get the same error as wrong passwords; set the tier if you need it.",
    )
    yield _of(
        "GatewayLogRole/Resource",
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        "One role serves all APIs of the account and Region, so no narrower resource fits; API "
        "Gateway checks that the role has exactly the permissions of AWS's policy.",
    )
    yield _of(
        f"{construct_id(LOST_EVENTS)}/Resource",
        "SQS3",
        "It is itself the dead-letter queue of functions and rules, which the check cannot see.",
    )
    if stack.node.try_find_child("DeliveryRole"):
        yield _of(
            "DeliveryRole/Resource",
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
            "service-role/AWSCodeDeployRoleForLambdaLimited]",
            "AWS's own policy for CodeDeploy with Lambda, which is updated with the service.",
        )
    for route in ROUTES:
        if route.key != CONNECT_ROUTE:
            yield _of(
                construct_id(route.key, "Route"),
                "APIG4",
                "A WebSocket API authorizes only the handshake ($connect); its context reaches "
                "every later request of the connection.",
            )
    for http_route in HTTP_ROUTES:
        if not http_route.authorized:
            yield _of(
                construct_id(http_route.key, "Route"),
                "APIG4",
                "Requests of an external system have no user's token: the function verifies the "
                "signature of each request first.",
            )
    yield _of(
        "SyncSecret",
        "SMG4",
        "The signer is an external system, where a new value is entered by hand, so no function "
        "could rotate it: docs/operations.md explains how to.",
    )
    for spec in FUNCTIONS:
        role = f"{construct_id(spec.name, 'Role')}/Resource"
        yield _of(
            construct_id(spec.name, "Function"),
            "L1",
            "Lambda supports Python 3.13 until June 2029. The runtime is upgraded once the local "
            "runtime, AWS's runtime client and all wheels of the layer pass the tests on the next.",
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
                "Transcribe, Translate and Polly have no resources for these actions that a policy "
                "could name; only the actions in use are granted: see "
                "https://docs.aws.amazon.com/service-authorization/latest/reference/.",
            )
        for grant in spec.grants:
            if grant.resource in (Resource.POST_TO_CONNECTION, Resource.CLOSE_CONNECTION):
                path = f"<WebSocketApi>/{_stage(stack)}/{grant.resource.value}"
                yield _of(
                    role,
                    f"IAM5[Resource::{_arn('execute-api', path)}]",
                    "The last part is a connection ID, known only at run time; API, stage and "
                    "method are exact.",
                )


def _of(construct: str, rule: str, reason: str) -> Acknowledgement:
    return Acknowledgement(Finding(construct, f"{_PACK}-{rule}"), reason)


def _arn(service: str, resource: str) -> str:
    """An ARN as cdk-nag writes values that only a deployment knows."""
    return f"arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:{resource}"


def _log_group(stack: cdk.Stack, function: str) -> str:
    resource = stack.node.find_child(construct_id(function, "Logs")).node.default_child
    assert isinstance(resource, cdk.CfnElement)
    return str(stack.resolve(resource.logical_id))


def _stage(stack: cdk.Stack) -> str:
    stage = stack.node.find_child("Stage")
    assert isinstance(stage, cdk.aws_apigatewayv2.CfnStage)
    return stage.stage_name
