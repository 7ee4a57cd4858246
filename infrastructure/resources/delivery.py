"""Delivery of new code: all at once, or as a canary that an alarm rolls back.

With a canary, every change of a function publishes a version, and callers use the alias `live`.
CloudFormation has CodeDeploy shift the alias: 10 % of invocations for ten minutes, then all. An
alarm within that time shifts the alias back, and CloudFormation rolls the deployment back:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aws_cdk import CfnCodeDeployLambdaAliasUpdate, CfnUpdatePolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.naming import construct_id
from infrastructure.stage.config import DeliveryMode, StageConfig

ALIAS = "live"
# A predefined configuration whose ten minutes exceed the alarms' period of five:
# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
_CANARY = "CodeDeployDefault.LambdaCanary10Percent10Minutes"
_ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
_POLICY = "service-role/AWSCodeDeployRoleForLambdaLimited"
#: Alarms that new code can cause. A deployment group takes at most ten.
ROLLBACK_ALARMS = (
    "function-errors",
    "function-throttles",
    "internal-errors",
    "audio-late",
    "deliveries-lost",
    "gateway-errors",
    "http-errors",
)


@dataclass(frozen=True)
class Served:
    """A function and, with a canary, the alias by which callers invoke it."""

    function: lambda_.CfnFunction
    alias: lambda_.CfnAlias | None = None

    @property
    def arn(self) -> str:
        """The ARN for integrations, rules and permissions."""
        return self.alias.ref if self.alias else self.function.attr_arn

    @property
    def name(self) -> str:
        """The name for event source mappings."""
        return self.alias.ref if self.alias else self.function.ref


def invoked_name(config: StageConfig, function: str) -> str:
    """The name by which other functions invoke it; its ARN ends with this name."""
    name = config.resource_name(function)
    return f"{name}:{ALIAS}" if config.delivery is not DeliveryMode.PLAIN else name


def serve(
    scope: Construct,
    config: StageConfig,
    spec: FunctionSpec,
    function: lambda_.CfnFunction,
    layer: lambda_.LayerVersion,
) -> Served:
    """Add a version and an alias to the function where the stage delivers by alias."""
    if config.delivery is DeliveryMode.PLAIN:
        return Served(function)
    version = lambda_.CfnVersion(
        scope,
        # Versions are immutable, so each needs a logical ID of its own.
        f"{construct_id(spec.name, 'Version')}{_fingerprint(function, layer)}",
        function_name=function.ref,
    )
    alias = lambda_.CfnAlias(
        scope,
        construct_id(spec.name, "Live"),
        name=ALIAS,
        function_name=function.ref,
        function_version=version.attr_version,
    )
    return Served(function, alias)


class Canary:
    """CodeDeploy resources that shift a stage's aliases under the watch of its alarms."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        alarms: Iterable[cloudwatch.Alarm],
        served: Mapping[FunctionSpec, Served],
    ) -> None:
        self._scope = scope
        self._config = config
        watched = {config.resource_name(name) for name in ROLLBACK_ALARMS}
        self._alarms = [alarm.alarm_name for alarm in alarms if _name_of(alarm) in watched]
        self._application = codedeploy.CfnApplication(
            scope, "Delivery", application_name=config.stack_name, compute_platform="Lambda"
        )
        self._role = iam.Role(
            scope,
            "DeliveryRole",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_POLICY)],
        )
        for spec, item in served.items():
            if item.alias is not None:
                item.alias.cfn_options.update_policy = self._policy(spec)

    def _policy(self, spec: FunctionSpec) -> CfnUpdatePolicy:
        canary = self._config.delivery is DeliveryMode.CANARY
        group = codedeploy.CfnDeploymentGroup(
            self._scope,
            construct_id(spec.name, "Delivery"),
            application_name=self._application.ref,
            deployment_group_name=self._config.resource_name(spec.name),
            deployment_config_name=_CANARY if canary else _ALL_AT_ONCE,
            deployment_style=codedeploy.CfnDeploymentGroup.DeploymentStyleProperty(
                deployment_type="BLUE_GREEN", deployment_option="WITH_TRAFFIC_CONTROL"
            ),
            service_role_arn=self._role.role_arn,
            alarm_configuration=codedeploy.CfnDeploymentGroup.AlarmConfigurationProperty(
                enabled=canary,
                alarms=[
                    codedeploy.CfnDeploymentGroup.AlarmProperty(name=name) for name in self._alarms
                ],
            ),
            auto_rollback_configuration=codedeploy.CfnDeploymentGroup.AutoRollbackConfigurationProperty(
                enabled=True,
                events=[
                    "DEPLOYMENT_FAILURE",
                    "DEPLOYMENT_STOP_ON_ALARM",
                    "DEPLOYMENT_STOP_ON_REQUEST",
                ],
            ),
        )
        return CfnUpdatePolicy(
            code_deploy_lambda_alias_update=CfnCodeDeployLambdaAliasUpdate(
                application_name=self._application.ref, deployment_group_name=group.ref
            )
        )


def _name_of(alarm: cloudwatch.Alarm) -> str | None:
    resource = alarm.node.default_child
    assert isinstance(resource, cloudwatch.CfnAlarm)
    return resource.alarm_name


def _fingerprint(function: lambda_.CfnFunction, layer: lambda_.LayerVersion) -> str:
    """A hash of exactly the properties that Lambda stores with a version.

    Lambda publishes no version for any other change (reserved concurrency, for instance), and
    CloudFormation would then fail.
    """
    contents = layer.node.default_child
    assert isinstance(contents, lambda_.CfnLayerVersion)
    versioned = [
        function.architectures,
        function.code,
        function.environment,
        function.handler,
        function.layers,
        # The layer's reference does not change with its contents.
        contents.content,
        function.logging_config,
        function.memory_size,
        function.role,
        function.runtime,
        function.timeout,
    ]
    text = json.dumps(Stack.of(function).resolve(versioned), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
