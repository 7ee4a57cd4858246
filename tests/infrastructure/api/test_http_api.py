"""The HTTP API matches the table of its routes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from infrastructure.catalogue.function_table import CONTROL
from infrastructure.catalogue.http_routes import HTTP_ROUTES, HttpRouteSpec
from infrastructure.stage.config import STAGES
from local.template.stack_reader import read_stack
from tests.infrastructure.assembly import Assembly
from tests.infrastructure.in_process import synthesize_with

API = "HttpApi"
ARN = f"arn:aws:execute-api:eu-central-1:123456789012:<{API}>"


def routes_by_key(assembly: Assembly) -> dict[str, dict[str, Any]]:
    return {route["RouteKey"]: route for route in assembly.parts("Route", API).values()}


def served_by(assembly: Assembly, route: dict[str, Any]) -> str:
    integration_id = route["Target"].removeprefix("integrations/").strip("<>")
    integration = assembly.parts("Integration", API)[integration_id]
    assert integration["IntegrationType"] == "AWS_PROXY"
    assert integration["PayloadFormatVersion"] == "2.0"
    return assembly.function_named_by(integration["IntegrationUri"])


def alarm_names(assembly: Assembly) -> dict[str, dict[str, Any]]:
    alarms = assembly.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"]: alarm for alarm in alarms}


def test_routes_are_those_of_the_table(assembly: Assembly) -> None:
    served = {key: served_by(assembly, route) for key, route in routes_by_key(assembly).items()}

    assert served == {spec.key: spec.function.name for spec in HTTP_ROUTES}
    assert len(assembly.parts("Integration", API)) == len({spec.function for spec in HTTP_ROUTES})


def test_it_is_an_http_api_without_cors(assembly: Assembly) -> None:
    api = assembly.of_type("AWS::ApiGatewayV2::Api")[API]

    assert api == {"Name": "lingocast-dev-http", "ProtocolType": "HTTP"}


def test_routes_require_tokens_unless_the_table_says_otherwise(assembly: Assembly) -> None:
    routes = routes_by_key(assembly)

    for spec in HTTP_ROUTES:
        route = routes[spec.key]
        kind = route["AuthorizationType"], route.get("AuthorizerId")
        assert kind == (("JWT", "<HttpAuthorizer>") if spec.authorized else ("NONE", None))


def test_tokens_come_from_the_pool_for_its_client_and_any_matches_all_methods(
    tmp_path: Path,
) -> None:
    routes = (HttpRouteSpec("GET", "/notes", CONTROL), HttpRouteSpec("ANY", "/any", CONTROL))
    guarded = synthesize_with(tmp_path, routes)
    authorizer = guarded.part("Authorizer", API)

    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    assert authorizer["JwtConfiguration"] == {
        "Audience": ["<UserPoolClient>"],
        "Issuer": "<UserPool.ProviderURL>",
    }
    callers = {
        permission["SourceArn"]
        for permission in guarded.of_type("AWS::Lambda::Permission").values()
        if permission["SourceArn"].startswith(ARN)
    }
    # Callers name the request's method.
    assert callers == {f"{ARN}/*/GET/notes", f"{ARN}/*/*/any"}


def test_functions_permit_their_own_routes_only(assembly: Assembly) -> None:
    permitted = {
        (assembly.function_named_by(permission["FunctionName"]), permission["SourceArn"])
        for permission in assembly.of_type("AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
        and "<WebSocketApi>" not in permission["SourceArn"]
    }

    assert permitted == {
        (spec.function.name, f"{ARN}/*/{spec.method}{spec.path}") for spec in HTTP_ROUTES
    }


def test_the_stage_adds_no_path_and_deploys_after_its_routes(
    assembly: Assembly,
) -> None:
    stage = assembly.part("Stage", API)

    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    waits_for = set(assembly.template["Resources"]["HttpStage"]["DependsOn"])
    assert set(assembly.parts("Route", API)) <= waits_for
    url = assembly.template["Outputs"]["HttpUrl"]["Value"]["Fn::Join"][1]
    assert url[-1] == {"Ref": "AWS::URLSuffix"}


def test_access_logs_contain_no_personal_data(assembly: Assembly) -> None:
    settings = assembly.part("Stage", API)["AccessLogSettings"]
    fields = json.loads(settings["Format"])

    assert {"requestId", "routeKey", "status", "integrationLatency"} <= fields.keys()
    assert all(re.fullmatch(r"\$context(\.[A-Za-z]+)+", value) for value in fields.values())
    # Claims contain the user, path and protocol line the query; addresses are personal data.
    for part in ("identity", "claims", "path", "query", "principal", "user", "domain"):
        assert not [value for value in fields.values() if part in value.lower()]
    group_id = settings["DestinationArn"].strip("<>").removesuffix(".Arn")
    group = assembly.of_type("AWS::Logs::LogGroup")[group_id]
    assert group == {
        "LogGroupName": "/aws/vendedlogs/lingocast-dev-http-access",
        "RetentionInDays": 7,
    }


def test_routes_have_throttles(assembly: Assembly) -> None:
    stage, config = assembly.part("Stage", API), STAGES["dev"]
    default = stage["DefaultRouteSettings"]

    assert default["ThrottlingRateLimit"] == config.http_throttle.rate
    assert default["ThrottlingBurstLimit"] == config.http_throttle.burst
    own = {spec.key for spec in HTTP_ROUTES} & config.route_throttles.keys()
    assert stage.get("RouteSettings", {}).keys() == own
    for settings in (default, *stage.get("RouteSettings", {}).values()):
        assert settings["DetailedMetricsEnabled"] is True
        # WebSocket APIs only.
        assert not {"LoggingLevel", "DataTraceEnabled"} & settings.keys()


def test_failures_raise_an_alarm_and_are_on_the_dashboard(assembly: Assembly) -> None:
    alarm = alarm_names(assembly)["lingocast-dev-http-errors"]
    body = json.loads(assembly.only("AWS::CloudWatch::Dashboard")["DashboardBody"])
    drawn = [
        item
        for widget in body["widgets"]
        for item in widget["properties"].get("metrics", ())
        if f"<{API}>" in item
    ]

    assert (alarm["MetricName"], alarm["Namespace"]) == ("5xx", "AWS/ApiGateway")
    dimensions = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
    assert dimensions == {"ApiId": f"<{API}>", "Stage": "$default"}
    assert {"Count", "4xx", "5xx", "Latency"} <= {item[1] for item in drawn}


def test_without_routes_there_is_no_api(tmp_path: Path) -> None:
    bare = synthesize_with(tmp_path, ())

    assert set(bare.of_type("AWS::ApiGatewayV2::Api")) == {"WebSocketApi"}
    assert "HttpUrl" not in bare.template["Outputs"]
    assert not [alarm for alarm in alarm_names(bare) if "http" in alarm]


def test_the_local_stack_reads_the_same_routes(assembly: Assembly) -> None:
    stack = read_stack(assembly.template_file)

    assert stack.http is not None
    assert stack.http.stage == "$default"
    assert {key: route.authorizer is not None for key, route in stack.http.routes.items()} == {
        spec.key: spec.authorized for spec in HTTP_ROUTES
    }
