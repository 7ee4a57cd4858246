"""Delivery of new code: CodeDeploy shifts prod's aliases, dev changes at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import CONTROL, FUNCTIONS
from infrastructure.catalogue.naming import construct_id
from infrastructure.resources.delivery import ROLLBACK_ALARMS, serve
from infrastructure.stage.config import STAGES, ConfigError
from infrastructure.stage.context import config_from
from local.template.stack_reader import read_stack
from tests.infrastructure.assembly import Assembly


def aliases(of: Assembly) -> dict[str, str]:
    """Logical IDs of the aliases, by those of their functions."""
    return {
        alias["FunctionName"].strip("<>"): logical_id
        for logical_id, alias in of.of_type("AWS::Lambda::Alias").items()
    }


def test_dev_delivers_at_once(assembly: Assembly) -> None:
    for kind in ("AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::CodeDeploy::Application"):
        assert not assembly.of_type(kind)


def test_every_function_of_prod_is_behind_its_alias(prod: Assembly) -> None:
    functions = prod.of_type("AWS::Lambda::Function")
    versions = prod.of_type("AWS::Lambda::Version")

    assert set(aliases(prod)) == set(functions)
    for alias in prod.of_type("AWS::Lambda::Alias").values():
        assert alias["Name"] == "live"
        version = versions[alias["FunctionVersion"].strip("<>").removesuffix(".Version")]
        assert version["FunctionName"] == alias["FunctionName"]


def test_every_caller_of_prods_functions_uses_the_alias(prod: Assembly) -> None:
    """A call of the function itself would run $LATEST, whatever CodeDeploy has shifted."""
    ours = {"AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig"}
    template = prod.template["Resources"]
    functions = set(aliases(prod))

    def named(value: object) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(named, value))
        if not isinstance(value, dict):
            return set()
        if "Ref" in value:
            return {str(value["Ref"])}
        if "Fn::GetAtt" in value:
            return {str(value["Fn::GetAtt"][0])}
        return set().union(*map(named, value.values()))

    for logical_id, resource in template.items():
        if resource["Type"] not in ours:
            assert not named(resource.get("Properties", {})) & functions, logical_id
    for logical_id, config in prod.of_type("AWS::Lambda::EventInvokeConfig").items():
        assert config["Qualifier"] == "live"
        # The qualifier is a name, so CloudFormation needs the dependency to order them.
        alias = aliases(prod)[config["FunctionName"].strip("<>")]
        assert template[logical_id]["DependsOn"] == [alias]


@pytest.mark.parametrize("setting", ["BROADCAST_FUNCTION", "DISCONNECT_HANDLER_FUNCTION"])
def test_functions_may_invoke_each_others_aliases(prod: Assembly, setting: str) -> None:
    caller = prod.function("announcements" if "BROADCAST" in setting else "timeout")
    name = caller["Environment"]["Variables"][setting]
    role = prod.of_type("AWS::IAM::Role")[caller["Role"].strip("<>").removesuffix(".Arn")]

    assert name.endswith(":live")
    assert f"arn:aws:lambda:eu-central-1:123456789012:function:{name}" in json.dumps(role)


def test_codedeploy_shifts_every_alias_and_alarms_roll_it_back(prod: Assembly) -> None:
    groups = prod.of_type("AWS::CodeDeploy::DeploymentGroup")
    alarms = prod.of_type("AWS::CloudWatch::Alarm")
    used = set()

    for logical_id in aliases(prod).values():
        policy = prod.template["Resources"][logical_id]["UpdatePolicy"]
        update = policy["CodeDeployLambdaAliasUpdate"]
        group = groups[update["DeploymentGroupName"]["Ref"]]
        used.add(update["DeploymentGroupName"]["Ref"])
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert group["AlarmConfiguration"]["Enabled"] is True
        assert {
            alarms[alarm["Name"].strip("<>")]["AlarmName"]
            for alarm in group["AlarmConfiguration"]["Alarms"]
        } == {f"lingocast-prod-{name}" for name in ROLLBACK_ALARMS}
    assert used == set(groups)
    # The maximum of a deployment group.
    assert len(ROLLBACK_ALARMS) <= 10


def test_named_resources_keep_their_logical_ids(prod: Assembly) -> None:
    """With another logical ID CloudFormation would create a second resource of the same name."""
    assert set(prod.of_type("AWS::CodeDeploy::Application")) == {"Delivery"}
    assert set(prod.of_type("AWS::CodeDeploy::DeploymentGroup")) == {
        construct_id(spec.name, "Delivery") for spec in FUNCTIONS
    }


def test_a_fix_can_be_delivered_during_an_alarm() -> None:
    assert config_from({"stage": "prod", "delivery": "at-once"}.get).delivery.value == "at-once"
    with pytest.raises(ConfigError, match="delivery: expected one of canary, at-once, not 'plain'"):
        config_from({"stage": "prod", "delivery": "plain"}.get)
    with pytest.raises(ConfigError, match="delivery: dev has no aliases"):
        config_from({"stage": "dev", "delivery": "canary"}.get)


def test_the_local_stack_runs_prods_functions_by_alias(prod: Assembly) -> None:
    stack = read_stack(prod.template_file)

    assert {function.aliases for function in stack.functions.values()} == {("live",)}
    assert len(stack.functions) == len(FUNCTIONS)
    assert stack.websocket.routes["createSession"].function == "lingocast-prod-control"
    assert {source.function for source in stack.event_source_mappings} >= {"lingocast-prod-timeout"}


Change = Callable[[lambda_.CfnFunction], None]


def version_id(folder: Path, change: Change | None = None, layer: str = "layer") -> str:
    """Logical ID of a function's version after a change of the function."""
    app = cdk.App(outdir=str(folder), analytics_reporting=False)
    stack = cdk.Stack(app, "fixture")
    contents = folder / layer
    contents.mkdir(parents=True, exist_ok=True)
    (contents / "requirements.txt").write_text(layer)
    version = lambda_.LayerVersion(stack, "Layer", code=lambda_.Code.from_asset(str(contents)))
    function = lambda_.CfnFunction(
        stack,
        "Function",
        handler="a.b",
        runtime="python3.13",
        memory_size=512,
        code=lambda_.CfnFunction.CodeProperty(s3_bucket="b", s3_key="k"),
        layers=[version.layer_version_arn],
        environment=lambda_.CfnFunction.EnvironmentProperty(variables={"A": "1"}),
        role="arn:aws:iam::123456789012:role/x",
    )
    if change:
        change(function)
    config = replace(STAGES["prod"], stage="fixture")
    serve(stack, config, FunctionSpec("control", CONTROL.settings), function, version)
    found: Mapping[str, Any] = Template.from_stack(stack).find_resources("AWS::Lambda::Version")
    (logical_id,) = found
    return str(logical_id)


def _key(function: lambda_.CfnFunction) -> None:
    function.code = lambda_.CfnFunction.CodeProperty(s3_bucket="b", s3_key="other")


def _variables(function: lambda_.CfnFunction) -> None:
    function.environment = lambda_.CfnFunction.EnvironmentProperty(variables={"A": "2"})


def _memory(function: lambda_.CfnFunction) -> None:
    function.memory_size = 1_024


def _reserved(function: lambda_.CfnFunction) -> None:
    function.reserved_concurrent_executions = 7
    function.recursive_loop = "Allow"


def test_every_change_of_a_function_makes_a_new_version(tmp_path: Path) -> None:
    changed = [version_id(tmp_path / str(i), item) for i, item in enumerate((_key, _variables))]
    changed += [version_id(tmp_path / "m", _memory), version_id(tmp_path / "l", layer="more")]

    assert len({version_id(tmp_path / "0"), *changed}) == 5


def test_unversioned_changes_make_no_version(tmp_path: Path) -> None:
    """Lambda would publish the same version again, and CloudFormation would fail."""
    assert version_id(tmp_path / "0") == version_id(tmp_path / "1", _reserved)


def test_the_fingerprint_covers_all_versioned_properties(prod: Assembly) -> None:
    """Add new properties to one of these sets, and to the fingerprint if they are versioned:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
    """
    versioned = {
        "Architectures",
        "Code",
        "Environment",
        "Handler",
        "Layers",
        "LoggingConfig",
        "MemorySize",
        "Role",
        "Runtime",
        "Timeout",
    }
    unversioned = {"FunctionName", "RecursiveLoop", "ReservedConcurrentExecutions"}

    for function in prod.of_type("AWS::Lambda::Function").values():
        assert set(function) <= versioned | unversioned
