"""The Lambda functions: one way to make them all from the table of functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.naming import construct_id
from infrastructure.compute.code import LEFT_OUT
from infrastructure.compute.layer import ARCHITECTURE, RUNTIME
from infrastructure.compute.permissions import Permissions
from infrastructure.resources.delivery import Served, serve
from infrastructure.stage.config import StageConfig

_ROOT = Path(__file__).parents[2]
METRICS_NAMESPACE = "Lingocast"
_LOG_LEVEL = "INFO"


class UnknownSettingError(Exception):
    """A function requires a setting that the stack has no value for."""


def environment_of(spec: FunctionSpec, values: Mapping[str, str]) -> dict[str, str]:
    """The settings of `spec` that `values` holds, and no others.

    Raises UnknownSettingError for one that it requires and `values` lacks.
    """
    missing = [name for name in spec.settings.required_names() if name not in values]
    if missing:
        raise UnknownSettingError(
            f"function {spec.name} requires {', '.join(missing)} ({spec.settings.__name__}), "
            f"but the stack only knows {', '.join(sorted(values))}"
        )
    return {name: values[name] for name in spec.settings.names() if name in values}


class FunctionFactory:
    """Makes functions that share their code, their layer and the values of their settings."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        *,
        layer: lambda_.LayerVersion,
        permissions: Permissions,
        lost_events_arn: str,
        settings: Mapping[str, str],
    ) -> None:
        self._scope = scope
        self._config = config
        self._layer = layer
        self._permissions = permissions
        self._lost_events_arn = lost_events_arn
        # What the stack knows of itself is not for an operator to change.
        self._settings = {**config.settings, **settings}
        self._code = assets.Asset(
            scope, "Code", path=str(_ROOT), ignore_mode=IgnoreMode.DOCKER, exclude=list(LEFT_OUT)
        )

    def create(self, spec: FunctionSpec) -> Served:
        """The function of `spec`, with a role and a log group of its own."""
        name = self._config.resource_name(spec.name)
        log_group = logs.LogGroup(
            self._scope,
            construct_id(spec.name, "Logs"),
            log_group_name=f"/aws/lambda/{name}",
            retention=self._config.log_retention,
            removal_policy=self._config.removal_policy,
        )
        function = lambda_.CfnFunction(
            self._scope,
            construct_id(spec.name, "Function"),
            function_name=name,
            # Lambda imports the handler by its name as a string, so that it does not matter that
            # `lambda` is a keyword of the language.
            handler=f"lambda.{spec.name}.handler.lambda_handler",
            runtime=RUNTIME.name,
            architectures=[ARCHITECTURE.name],
            code=lambda_.CfnFunction.CodeProperty(
                s3_bucket=self._code.s3_bucket_name, s3_key=self._code.s3_object_key
            ),
            layers=[self._layer.layer_version_arn],
            memory_size=spec.memory_mb,
            timeout=spec.timeout_seconds,
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables=self._environment(spec, name)
            ),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(
                log_group=log_group.log_group_name,
                # Powertools writes JSON already, and its lines of metrics must stay as they are.
                log_format="Text",
            ),
            # A function that comes to invoke itself is stopped after 16 times. Few need more: a
            # broadcast asks other instances of itself once.
            recursive_loop="Allow" if spec.repeats_itself else "Terminate",
            reserved_concurrent_executions=self._config.reserved_concurrency.get(spec.name),
            role=self._role(spec, log_group).role_arn,
        )
        served = serve(self._scope, self._config, spec, function, self._layer)
        self._configure_events(spec, served)
        return served

    def _configure_events(self, spec: FunctionSpec, served: Served) -> None:
        """What becomes of events that nobody waits for, where it is not what Lambda does anyway."""
        if spec.event_seconds is None and not spec.keeps_lost_events:
            return
        kept = lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=self._lost_events_arn)
        events = lambda_.CfnEventInvokeConfig(
            self._scope,
            construct_id(spec.name, "Events"),
            function_name=served.function.ref,
            qualifier=served.alias.name if served.alias else "$LATEST",
            maximum_event_age_in_seconds=spec.event_seconds,
            maximum_retry_attempts=None if spec.event_seconds is None else 0,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=kept
            )
            if spec.keeps_lost_events
            else None,
        )
        if served.alias:
            # It is named by its name, so that CloudFormation does not know by itself.
            events.add_resource_dependency(served.alias)

    def _environment(self, spec: FunctionSpec, name: str) -> dict[str, str]:
        return {
            **environment_of(spec, self._settings),
            "POWERTOOLS_SERVICE_NAME": name,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
            "POWERTOOLS_LOG_LEVEL": _LOG_LEVEL,
        }

    def _role(self, spec: FunctionSpec, log_group: logs.LogGroup) -> iam.Role:
        statements = [self._permissions.to_log(log_group), *self._permissions.of(spec.grants)]
        return iam.Role(
            self._scope,
            construct_id(spec.name, "Role"),
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"grants": iam.PolicyDocument(statements=statements)},
        )
