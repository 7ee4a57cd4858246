"""Reading an HTTP API and secrets from a template; unsupported elements are errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.base.errors import TemplateError
from local.template.model import AwsEnvironment, HttpRoute, JwtAuthorizer, Stack
from local.template.stack_reader import read_stack
from tests.unit.local import assembly
from tests.unit.local.assembly import Template
from tests.unit.local.template.test_stack_reader import change

ISSUER = AwsEnvironment().issuer_url("eu-central-1_pool")
ANOTHER = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "HTTP"}}


def example() -> Template:
    template = assembly.with_routes({"$connect": "Talk"}, Talk=assembly.function("functions.talk"))
    template["Resources"] |= {
        "Show": assembly.function("functions.show"),
        "Key": assembly.secret("fixture-dev-key"),
    }
    return assembly.with_http(template, {"POST /notes": "Show"}, {"ANY /open": "Show"})


def read(folder: Path, template: Template) -> Stack:
    return read_stack(assembly.write(folder, template))


def test_routes_have_a_function_and_an_optional_jwt_authorizer(tmp_path: Path) -> None:
    stack = read(tmp_path, example())

    assert stack.http is not None
    assert (stack.http.api_id, stack.http.stage) == ("web", "$default")
    users = JwtAuthorizer(ISSUER, ("client",))
    assert stack.http.routes == {
        "POST /notes": HttpRoute("POST /notes", "fixture-dev-Show", users),
        "ANY /open": HttpRoute("ANY /open", "fixture-dev-Show"),
    }
    # The WebSocket API keeps its own resources.
    assert stack.websocket.routes.keys() == {"$connect"}
    assert (stack.websocket.api_id, stack.websocket.stage) == ("api", "dev")


def test_the_http_api_is_optional(tmp_path: Path) -> None:
    assert read(tmp_path, assembly.base()).http is None


def test_an_integration_may_use_an_invocation_uri(tmp_path: Path) -> None:
    template = example()
    uri = assembly.invocation_uri("Show")
    change(template["Resources"], "WebShow.Properties.IntegrationUri", uri)

    stack = read(tmp_path, template)
    assert stack.http is not None
    assert stack.http.routes["POST /notes"].function == "fixture-dev-Show"


def test_generated_secrets_have_predictable_values(tmp_path: Path) -> None:
    template = example()
    del template["Resources"]["Key"]["Properties"]["Name"]
    template["Resources"]["Other"] = assembly.secret("elsewhere")
    values = {secret.name: secret.value for secret in read(tmp_path, template).secrets}

    assert values == {
        "fixture-dev-Key": "local-Key-secret",
        "elsewhere": "local-elsewhere-secret",
    }


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("Web.Properties.ProtocolType", "SOAP", "SOAP"),
        ("Web.Properties.CorsConfiguration", {}, "CorsConfiguration"),
        ("Web.Properties.RouteSelectionExpression", "$request.body.x", "RouteSelection"),
        ("Another", ANOTHER, "at most one HTTP API"),
        ("WebStage.Properties.ApiId", "nobody", "nobody"),
        ("WebStage.Properties.ApiId", {"Ref": "Api"}, "expected one AWS::ApiGatewayV2::Stage"),
        ("WebShow.Properties.PayloadFormatVersion", "1.0", "PayloadFormatVersion"),
        ("WebShow.Properties.TimeoutInMillis", 1_000, "TimeoutInMillis"),
        ("WebShow.Properties.IntegrationType", "HTTP_PROXY", "HTTP_PROXY"),
        ("WebShow.Properties.IntegrationUri", "https://example.org", "is not a function"),
        ("WebRoute0.Properties.RouteKey", "POST /notes/{id}", "only METHOD /plain/path"),
        ("WebRoute0.Properties.RouteKey", "POST /others", "Lambda::Permission"),
        ("WebRoute0.Properties.RouteKey", "PUT /notes", "Lambda::Permission"),
        ("WebRoute0.Properties.Target", {"Fn::Sub": "integrations/${TalkIntegration}"}, "Target"),
        ("WebRoute0.Properties.AuthorizationType", "AWS_IAM", "AWS_IAM"),
        ("WebRoute0.Properties.AuthorizationScopes", ["a"], "AuthorizationScopes"),
        ("WebRoute0.Properties.AuthorizerId", "nobody", "AuthorizerId"),
        ("WebRoute0Permission.Properties.SourceArn", "arn:aws:execute-api:::web/x", "Permission"),
        ("WebAuthorizer.Properties.AuthorizerType", "REQUEST", "REQUEST"),
        ("WebAuthorizer.Properties.IdentitySource", ["$request.querystring.t"], "IdentitySource"),
        ("WebAuthorizer.Properties.JwtConfiguration.Issuer", "https://example.org", "user pool"),
        ("WebAuthorizer.Properties.JwtConfiguration.Audience", [], "Audience"),
        ("WebAuthorizer.Properties.JwtConfiguration.Leeway", 1, "Leeway"),
        ("Key.Properties.SecretString", "x", "SecretString"),
        ("Key.Properties.GenerateSecretString", {"SecretStringTemplate": "{}"}, "Template"),
        ("Key.Properties", {"Name": "x"}, "GenerateSecretString"),
    ],
)
def test_an_unsupported_element_is_named_in_the_error(
    tmp_path: Path, path: str, value: object, named: str
) -> None:
    template = example()
    change(template["Resources"], path, value)

    with pytest.raises(TemplateError, match=named):
        read(tmp_path, template)


@pytest.mark.parametrize("missing", ["WebStage", "WebShow", "WebAuthorizer", "WebRoute1Permission"])
def test_a_missing_resource_is_an_error(tmp_path: Path, missing: str) -> None:
    template = example()
    del template["Resources"][missing]

    with pytest.raises(TemplateError):
        read(tmp_path, template)


def test_an_any_route_needs_a_permission_for_all_methods(tmp_path: Path) -> None:
    template = example()
    arn = template["Resources"]["WebRoute1Permission"]["Properties"]["SourceArn"]
    arn["Fn::Sub"] = arn["Fn::Sub"].replace("/*/*/", "/*/GET/")

    with pytest.raises(TemplateError, match="no AWS::Lambda::Permission allows"):
        read(tmp_path, template)


def test_an_api_without_routes_is_an_error(tmp_path: Path) -> None:
    template = assembly.with_http(assembly.base(), {})

    with pytest.raises(TemplateError, match="no routes"):
        read(tmp_path, template)


def test_a_permission_for_the_other_api_does_not_count(tmp_path: Path) -> None:
    template = example()
    arn = template["Resources"]["WebRoute0Permission"]["Properties"]["SourceArn"]
    arn["Fn::Sub"] = arn["Fn::Sub"].replace("${Web}", "${Api}")

    with pytest.raises(TemplateError, match="no AWS::Lambda::Permission allows"):
        read(tmp_path, template)
