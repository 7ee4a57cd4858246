"""The WebSocket API matches the table of routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infrastructure.catalogue.function_table import AUTHORIZER
from infrastructure.catalogue.routes import ROUTES
from local.template.model import IdentitySource
from local.template.stack_reader import read_stack
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, synthesize

ARN = "arn:aws:execute-api:eu-central-1:123456789012:<WebSocketApi>"


def routes_by_key(assembly: Assembly) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        route["RouteKey"]: (logical_id, route)
        for logical_id, route in assembly.parts("Route").items()
    }


def served_by(assembly: Assembly, route: dict[str, Any]) -> str:
    integration_id = route["Target"].removeprefix("integrations/").strip("<>")
    integration = assembly.parts("Integration")[integration_id]
    assert integration["IntegrationType"] == "AWS_PROXY"
    assert integration["IntegrationUri"].startswith(
        "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/<"
    )
    assert integration["IntegrationUri"].endswith(">/invocations")
    return assembly.function_named_by(integration["IntegrationUri"])


def test_routes_are_those_of_the_table(assembly: Assembly) -> None:
    served = {
        key: served_by(assembly, route) for key, (_, route) in routes_by_key(assembly).items()
    }

    assert served == {spec.key: spec.function.name for spec in ROUTES}


def test_the_action_selects_the_route(assembly: Assembly) -> None:
    api = assembly.of_type("AWS::ApiGatewayV2::Api")["WebSocketApi"]

    assert api["ProtocolType"] == "WEBSOCKET"
    assert api["RouteSelectionExpression"] == "$request.body.action"


def test_only_replying_routes_have_a_response(assembly: Assembly) -> None:
    responses = assembly.parts("RouteResponse").values()
    answered = {
        key
        for key, (logical_id, _) in routes_by_key(assembly).items()
        for response in responses
        if response["RouteId"] == f"<{logical_id}>"
    }

    assert answered == {spec.key for spec in ROUTES if spec.replies}
    assert len(responses) == len(answered)
    assert {response["RouteResponseKey"] for response in responses} == {"$default"}


def test_only_replying_routes_select_a_response(assembly: Assembly) -> None:
    selecting = {
        key: route["RouteResponseSelectionExpression"]
        for key, (_, route) in routes_by_key(assembly).items()
        if "RouteResponseSelectionExpression" in route
    }

    assert selecting == {spec.key: "$default" for spec in ROUTES if spec.replies}


def test_each_function_has_one_integration(assembly: Assembly) -> None:
    integrations = assembly.parts("Integration")

    assert len(integrations) == len({spec.function for spec in ROUTES})


def test_only_connect_is_authorized(assembly: Assembly) -> None:
    authorization = {
        key: route["AuthorizationType"] for key, (_, route) in routes_by_key(assembly).items()
    }

    assert authorization.pop("$connect") == "CUSTOM"
    assert set(authorization.values()) == {"NONE"}
    assert routes_by_key(assembly)["$connect"][1]["AuthorizerId"] == "<ConnectAuthorizer>"


def test_a_handshake_without_a_token_reaches_the_authorizer(assembly: Assembly) -> None:
    authorizer = assembly.part("Authorizer")

    assert authorizer["AuthorizerType"] == "REQUEST"
    assert authorizer["IdentitySource"] == []
    assert assembly.function_named_by(authorizer["AuthorizerUri"]) == AUTHORIZER.name


def test_the_identity_source_can_be_the_host_header(
    tmp_path: Path,
) -> None:
    context = {**NO_BUNDLING, "identitySource": "host"}
    fallback = synthesize(tmp_path / "cdk.out", "dev", context)

    assert fallback.part("Authorizer")["IdentitySource"] == ["route.request.header.Host"]
    # The local stack requires the same.
    websocket = read_stack(fallback.template_file).websocket
    assert websocket.identity_sources == (IdentitySource("header", "Host"),)


def test_functions_permit_their_own_routes_only(assembly: Assembly) -> None:
    permissions = [
        permission
        for permission in assembly.of_type("AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
        and permission["SourceArn"].startswith(f"{ARN}/")
    ]
    permitted = {
        (assembly.function_named_by(permission["FunctionName"]), permission["SourceArn"])
        for permission in permissions
    }

    assert permitted == {
        *((spec.function.name, f"{ARN}/dev/{spec.key}") for spec in ROUTES),
        (AUTHORIZER.name, f"{ARN}/authorizers/<ConnectAuthorizer>"),
    }
    assert {item["Action"] for item in permissions} == {"lambda:InvokeFunction"}


def test_the_stage_deploys_after_its_routes(assembly: Assembly) -> None:
    stage = assembly.part("Stage")
    parts = (
        *assembly.parts("Route"),
        *assembly.parts("RouteResponse"),
    )

    assert (stage["ApiId"], stage["StageName"]) == ("<WebSocketApi>", "dev")
    assert stage["AutoDeploy"] is True
    assert set(parts) < set(assembly.template["Resources"]["Stage"]["DependsOn"])
