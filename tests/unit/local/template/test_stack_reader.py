"""Reading a template into a stack; unsupported elements are errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.base.errors import TemplateError
from local.template.model import AwsEnvironment, KeyAttribute, Route, Stack, UserPool
from local.template.stack_reader import read_stack
from local.template.support_matrix import SUPPORT
from shared.utils.token_bucket import Budget
from tests.unit.local import assembly
from tests.unit.local.assembly import Template

LIVE = '{"Ref": "Live"}'


def example() -> Template:
    deployed = {
        "Fn::Join": ["", ["https://", {"Ref": "Api"}, ".execute-api.", {"Ref": "AWS::Region"}]]
    }
    template = assembly.with_routes(
        {"$connect": "Life", "$default": "Talk", "say": "Talk"},
        {"$default"},
        Life=assembly.function("functions.life"),
        Talk=assembly.function("functions.talk", timeout=7, TABLE={"Ref": "Notes"}, URL=deployed),
        Guard=assembly.function("functions.guard", ISSUER={"Fn::GetAtt": ["Pool", "ProviderURL"]}),
    )
    return assembly.with_authorizer(template, "Guard")


def read(folder: Path, template: Template) -> Stack:
    return read_stack(assembly.write(folder, template))


def test_functions_have_handler_code_limits_and_resolved_environment(tmp_path: Path) -> None:
    stack = read(tmp_path, example())

    talk = stack.functions["fixture-dev-Talk"]
    assert talk.handler == "functions.talk"
    assert talk.modules == ("functions", "talk")
    assert (talk.timeout_seconds, talk.memory_mb) == (7, 256)
    assert talk.code == tmp_path.resolve() / "asset.c0de"
    assert talk.arn == "arn:aws:lambda:eu-central-1:000000000000:function:fixture-dev-Talk"
    assert talk.environment == {
        "TABLE": "fixture-notes",
        "URL": "https://api.execute-api.eu-central-1",
    }


def test_routes_have_a_function_and_reply_or_not(tmp_path: Path) -> None:
    websocket = read(tmp_path, example()).websocket

    assert websocket.stage == "dev"
    assert websocket.action_field == "action"
    assert websocket.authorizer == "fixture-dev-Guard"
    assert websocket.routes == {
        "$connect": Route("$connect", "fixture-dev-Life", replies=False),
        "$default": Route("$default", "fixture-dev-Talk", replies=True),
        "say": Route("say", "fixture-dev-Talk", replies=False),
    }


def test_tables_have_keys_and_indexes(tmp_path: Path) -> None:
    (table,) = read(tmp_path, example()).tables

    assert table.name == "fixture-notes"
    assert table.keys == (KeyAttribute("id", "HASH"),)
    assert table.attributes == {"id": "S", "when": "N"}
    (index,) = table.indexes
    assert (index.name, index.projection) == ("recent", "KEYS_ONLY")
    assert index.keys == (KeyAttribute("id", "HASH"), KeyAttribute("when", "RANGE"))


@pytest.mark.parametrize(("enabled", "attribute"), [(True, "expires"), (False, None)])
def test_a_table_has_its_time_to_live_attribute_if_enabled(
    tmp_path: Path, enabled: bool, attribute: str | None
) -> None:
    template = example()
    specification = {"AttributeName": "expires", "Enabled": enabled}
    template["Resources"]["Notes"]["Properties"]["TimeToLiveSpecification"] = specification
    (table,) = read(tmp_path, template).tables

    assert table.expires_at == attribute


def test_the_user_pool_has_its_client_and_issuer(tmp_path: Path) -> None:
    stack = read(tmp_path, example())

    assert stack.user_pool == UserPool("eu-central-1_pool", "client")
    issuer = stack.functions["fixture-dev-Guard"].environment["ISSUER"]
    assert issuer == stack.aws.issuer_url("eu-central-1_pool")


def test_the_aws_environment_determines_the_pseudo_parameters(tmp_path: Path) -> None:
    stack = read_stack(assembly.write(tmp_path, example()), AwsEnvironment(region="us-east-1"))

    assert stack.functions["fixture-dev-Talk"].environment["URL"].endswith("us-east-1")


def test_the_user_pool_is_optional(tmp_path: Path) -> None:
    template = example()
    del template["Resources"]["Client"], template["Resources"]["Pool"]
    del template["Resources"]["Guard"]["Properties"]["Environment"]["Variables"]["ISSUER"]

    assert read(tmp_path, template).user_pool is None


def change(resources: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    target = resources
    for name in parents:
        target = target[name]
    target[last] = value


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("Bucket", {"Type": "AWS::S3::Bucket"}, "AWS::S3::Bucket"),
        ("Talk.Properties.EphemeralStorage", {"Size": 512}, "EphemeralStorage"),
        ("Talk.Condition", "IsProd", "Condition"),
        ("Talk.Properties.Runtime", "nodejs24.x", "Python"),
        ("Talk.Properties.Code", {"ZipFile": "x"}, "asset"),
        ("Talk.Properties.LoggingConfig", {"LogFormat": "JSON"}, "LogFormat"),
        ("Talk.Properties.LoggingConfig", {"SystemLogLevel": "INFO"}, "SystemLogLevel"),
        ("Talk.Properties.Environment", {"Variables": {"X": {"Fn::If": []}}}, "Fn::If"),
        ("Talk.Properties.Environment", {"Variables": {"X": {"Ref": "Nobody"}}}, "Nobody"),
        ("Talk.Properties.Environment", {"Variables": {"X": ["list"]}}, "Environment.X"),
        ("Talk.Properties.Handler", {"Ref": "Layer.x"}, "Layer.x"),
        ("Api.Properties.ProtocolType", "HTTP", "HTTP"),
        ("Api.Properties.RouteSelectionExpression", "$request.header.x", "RouteSelection"),
        ("Stage.Properties.ApiId", "other", "other"),
        ("Stage.Properties.StageVariables", {"a": "b"}, "StageVariables"),
        ("TalkIntegration.Properties.IntegrationType", "MOCK", "MOCK"),
        ("TalkIntegration.Properties.IntegrationUri", "https://example.com", "IntegrationUri"),
        ("TalkPermission.Properties.Principal", "s3.amazonaws.com", "Principal"),
        ("Route0.Properties.AuthorizationType", "AWS_IAM", "AWS_IAM"),
        ("Route1.Properties.Target", "integrations/none", "integrations/none"),
        ("Route1.Properties.ApiKeyRequired", True, "ApiKeyRequired"),
        ("Authorizer.Properties.IdentitySource", ["stageVariables.x"], "IdentitySource"),
        ("Notes.Properties.StreamSpecification", {}, "StreamSpecification"),
        ("Notes.Properties.TableName", {"Fn::GetAtt": ["Role", "RoleId"]}, "RoleId"),
    ],
)
def test_an_unsupported_element_is_named_in_the_error(
    tmp_path: Path, path: str, value: object, named: str
) -> None:
    template = example()
    change(template["Resources"], path, value)

    with pytest.raises(TemplateError, match=named):
        read(tmp_path, template)


@pytest.mark.parametrize("section", ["Conditions", "Mappings", "Transform"])
def test_an_unsupported_section_is_an_error(tmp_path: Path, section: str) -> None:
    with pytest.raises(TemplateError, match=section):
        read(tmp_path, example() | {section: {}})


@pytest.mark.parametrize(
    "missing", ["TalkPermission", "Route1Response", "Stage", "TalkIntegration"]
)
def test_a_missing_resource_is_an_error(tmp_path: Path, missing: str) -> None:
    template = example()
    del template["Resources"][missing]

    with pytest.raises(TemplateError):
        read(tmp_path, template)


def test_a_route_response_without_selection_expression_is_an_error(tmp_path: Path) -> None:
    template = example()
    del template["Resources"]["Route1"]["Properties"]["RouteResponseSelectionExpression"]

    with pytest.raises(TemplateError, match="RouteResponse"):
        read(tmp_path, template)


def test_an_authorizer_on_another_route_than_connect_is_an_error(tmp_path: Path) -> None:
    template = example()
    change(template["Resources"], "Route1.Properties.AuthorizationType", "CUSTOM")
    change(template["Resources"], "Route1.Properties.AuthorizerId", {"Ref": "Authorizer"})

    with pytest.raises(TemplateError, match=r"\$connect"):
        read(tmp_path, template)


def test_a_permission_for_a_function_does_not_apply_to_its_alias(tmp_path: Path) -> None:
    template = example()
    resources = template["Resources"]
    resources["Live"] = {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"FunctionName": {"Ref": "Talk"}, "Name": "live", "FunctionVersion": "1"},
    }
    uri = resources["TalkIntegration"]["Properties"]["IntegrationUri"]
    behind_alias = json.loads(json.dumps(uri).replace('{"Fn::GetAtt": ["Talk", "Arn"]}', LIVE))
    resources["TalkIntegration"]["Properties"]["IntegrationUri"] = behind_alias

    with pytest.raises(TemplateError, match="no AWS::Lambda::Permission allows"):
        read(tmp_path, template)

    resources["TalkPermission"]["Properties"]["FunctionName"] = json.loads(LIVE)
    stack = read(tmp_path, template)
    talk = resources["Talk"]["Properties"].get("FunctionName", "fixture-dev-Talk")
    assert stack.websocket.routes["say"].function == talk
    assert stack.functions[talk].aliases == ("live",)


def test_a_reference_to_a_parameter_is_its_default(tmp_path: Path) -> None:
    template = example() | {"Parameters": {"Size": {"Default": "9"}, "Bare": {"Type": "String"}}}
    change(template["Resources"], "Talk.Properties.Timeout", {"Ref": "Size"})
    assert read(tmp_path, template).functions["fixture-dev-Talk"].timeout_seconds == 9

    change(template["Resources"], "Talk.Properties.Timeout", {"Ref": "Bare"})
    with pytest.raises(TemplateError, match="Bare"):
        read(tmp_path, template)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_file_that_is_not_a_template_is_an_error(tmp_path: Path, content: str) -> None:
    path = assembly.write(tmp_path, example())
    path.write_text(content)

    with pytest.raises(TemplateError, match="template"):
        read_stack(path)


def test_a_missing_file_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"none\.template\.json"):
        read_stack(tmp_path / "none.template.json")


def test_every_ignored_property_has_a_reason() -> None:
    for kind, support in SUPPORT.items():
        assert not support.used & support.ignored.keys(), kind
        assert all(len(reason) > 10 for reason in support.ignored.values()), kind


def test_throttles_are_the_stages_route_settings(tmp_path: Path) -> None:
    template = example()
    template["Resources"]["Stage"]["Properties"] |= {
        "DefaultRouteSettings": {"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100},
        "RouteSettings": {
            "say": {"ThrottlingRateLimit": 2.5, "ThrottlingBurstLimit": 7},
            "$connect": {"LoggingLevel": "OFF"},
        },
    }

    websocket = read(tmp_path, template).websocket

    assert websocket.throttles == {"say": Budget(2.5, 7)}
    assert websocket.default_throttle == Budget(50, 100)


def test_a_stage_without_route_settings_has_no_throttles(tmp_path: Path) -> None:
    websocket = read(tmp_path, example()).websocket

    assert (websocket.throttles, websocket.default_throttle) == ({}, None)


def test_a_limit_that_is_not_a_number_is_an_error(tmp_path: Path) -> None:
    template = example()
    limits = {"ThrottlingRateLimit": "many", "ThrottlingBurstLimit": 1}
    template["Resources"]["Stage"]["Properties"]["RouteSettings"] = {"say": limits}

    with pytest.raises(TemplateError, match=r"Stage.*ThrottlingRateLimit"):
        read(tmp_path, template)
