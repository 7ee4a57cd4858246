"""An HTTP API and secrets in a template; what is not understood stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.base.errors import TemplateError
from local.template.model import AwsEnvironment, HttpRoute, JwtAuthorizer, Stack
from local.template.stack_reader import read_stack
from tests.unit.local import assembly
from tests.unit.local.assembly import Template
from tests.unit.local.template.test_template import change

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


def test_routes_name_functions_and_whose_tokens_they_take(tmp_path: Path) -> None:
    stack = read(tmp_path, example())

    assert stack.http is not None
    assert (stack.http.api_id, stack.http.stage) == ("web", "$default")
    users = JwtAuthorizer(ISSUER, ("client",))
    assert stack.http.routes == {
        "POST /notes": HttpRoute("POST /notes", "fixture-dev-Show", users),
        "ANY /open": HttpRoute("ANY /open", "fixture-dev-Show"),
    }
    # Each API has what names it.
    assert stack.websocket.routes.keys() == {"$connect"}
    assert (stack.websocket.api_id, stack.websocket.stage) == ("api", "dev")


def test_there_need_be_no_http_api(tmp_path: Path) -> None:
    assert read(tmp_path, assembly.base()).http is None


def test_an_invocation_uri_names_a_function_too(tmp_path: Path) -> None:
    template = example()
    uri = assembly.invocation_uri("Show")
    change(template["Resources"], "WebShow.Properties.IntegrationUri", uri)

    stack = read(tmp_path, template)
    assert stack.http is not None
    assert stack.http.routes["POST /notes"].function == "fixture-dev-Show"


def test_generated_secrets_have_a_text_that_people_can_guess(tmp_path: Path) -> None:
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
        ("WebShow.Properties.IntegrationUri", "https://example.org", "invokes no function"),
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
def test_what_is_not_understood_fails_by_name(
    tmp_path: Path, path: str, value: object, named: str
) -> None:
    template = example()
    change(template["Resources"], path, value)

    with pytest.raises(TemplateError, match=named):
        read(tmp_path, template)


@pytest.mark.parametrize("missing", ["WebStage", "WebShow", "WebAuthorizer", "WebRoute1Permission"])
def test_a_part_that_is_missing_in_the_stack_is_missing_here(tmp_path: Path, missing: str) -> None:
    template = example()
    del template["Resources"][missing]

    with pytest.raises(TemplateError):
        read(tmp_path, template)


def test_a_permission_for_any_method_is_one_for_each(tmp_path: Path) -> None:
    template = example()
    arn = template["Resources"]["WebRoute1Permission"]["Properties"]["SourceArn"]
    arn["Fn::Sub"] = arn["Fn::Sub"].replace("/*/*/", "/*/GET/")

    with pytest.raises(TemplateError, match="Lambda::Permission lets it invoke"):
        read(tmp_path, template)


def test_an_api_without_routes_is_none(tmp_path: Path) -> None:
    template = assembly.with_http(assembly.base(), {})

    with pytest.raises(TemplateError, match="no routes"):
        read(tmp_path, template)


def test_a_permission_of_the_other_api_is_none(tmp_path: Path) -> None:
    template = example()
    arn = template["Resources"]["WebRoute0Permission"]["Properties"]["SourceArn"]
    arn["Fn::Sub"] = arn["Fn::Sub"].replace("${Web}", "${Api}")

    with pytest.raises(TemplateError, match="Lambda::Permission lets it invoke"):
        read(tmp_path, template)
