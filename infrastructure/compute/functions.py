"""Creates the Lambda functions from the table of functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import FileSystem, IgnoreMode, Stack
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
    """A function requires a setting for which the stack has no value."""


def environment_of(spec: FunctionSpec, values: Mapping[str, str]) -> dict[str, str]:
    """The settings of `spec` that are in `values`.

    Raises UnknownSettingError if `values` lacks a required one.
    """
    missing = [name for name in spec.settings.required_names() if name not in values]
    if missing:
        raise UnknownSettingError(
            f"function {spec.name} requires {', '.join(missing)} ({spec.settings.__name__}), "
            f"but the stack only knows {', '.join(sorted(values))}"
        )
    return {name: values[name] for name in spec.settings.names() if name in values}


class FunctionFactory:
    """Creates functions that share code, layer and values of settings."""

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
        # Operators cannot override what the stack derives from its own resources.
        self._settings = {**config.settings, **settings}
        selected: dict[str, Any] = {"ignore_mode": IgnoreMode.DOCKER, "exclude": list(LEFT_OUT)}
        # Byte code is added after synthesis, and an asset is uploaded once per hash.
        compiled = (
            FileSystem.fingerprint(str(_ROOT), extra_hash=f"for {RUNTIME.name}", **selected)
            if Stack.of(scope).bundling_required
            else None
        )
        self._code = assets.Asset(scope, "Code", path=str(_ROOT), asset_hash=compiled, **selected)

    @property
    def code_folder(self) -> str:
        """The folder of the functions' code, in the cloud assembly."""
        return self._code.asset_path

    def create(self, spec: FunctionSpec) -> Served:
        """Create the function with its own role and log group."""
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
            # Lambda imports the handler by its name as a string, so the keyword `lambda` is no
            # obstacle.
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
                # Powertools already writes JSON, and its metric lines (EMF) must stay unchanged.
                log_format="Text",
            ),
            # Lambda stops a function that invokes itself about 16 times in a row. Only the
            # interpreter's runs need more; `broadcast` invokes itself once.
            recursive_loop="Allow" if spec.repeats_itself else "Terminate",
            reserved_concurrent_executions=self._config.reserved_concurrency.get(spec.name),
            role=self._role(spec, log_group).role_arn,
        )
        served = serve(self._scope, self._config, spec, function, self._layer)
        self._configure_events(spec, served)
        return served

    def _configure_events(self, spec: FunctionSpec, served: Served) -> None:
        """Configure asynchronous invocations that differ from Lambda's defaults."""
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
            # The qualifier is a name, so CloudFormation cannot infer the dependency.
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
