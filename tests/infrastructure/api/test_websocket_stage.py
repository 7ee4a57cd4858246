"""The stage of the WebSocket API: logs and throttles."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infrastructure.catalogue.http_routes import HTTP_ROUTES
from infrastructure.catalogue.routes import ROUTES
from infrastructure.stage.config import STAGES, StageConfig
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, synthesize

every_stage = pytest.mark.parametrize("config", STAGES.values(), ids=STAGES)


def test_access_logs_are_json_without_personal_data(assembly: Assembly) -> None:
    stage = assembly.part("Stage")
    fields = json.loads(stage["AccessLogSettings"]["Format"])

    assert {"requestId", "connectionId", "routeKey", "eventType", "status"} <= fields.keys()
    assert {"integrationLatency", "integrationError", "authorizerError"} <= fields.keys()
    assert all(re.fullmatch(r"\$context(\.[A-Za-z]+)+", value) for value in fields.values())
    # The query string has the token, the authorizer's context the user; addresses are personal.
    for part in ("query", "identity", "authorizer.principalId", "authorizer.userId", "body"):
        assert not [value for value in fields.values() if part in value]


def test_log_groups_expire(assembly: Assembly) -> None:
    stage = assembly.part("Stage")
    groups = {
        logical_id: (group["LogGroupName"], group["RetentionInDays"])
        for logical_id, group in assembly.of_type("AWS::Logs::LogGroup").items()
        if "/aws/apigateway/" in group["LogGroupName"]
    }

    destination = stage["AccessLogSettings"]["DestinationArn"].strip("<>").removesuffix(".Arn")
    assert groups.pop(destination) == ("/aws/apigateway/lingocast-dev-access", 7)
    # Where API Gateway writes errors.
    assert list(groups.values()) == [("/aws/apigateway/<WebSocketApi>/dev", 7)]


def test_no_setting_logs_messages(assembly: Assembly) -> None:
    stage = assembly.part("Stage")
    settings = [stage["DefaultRouteSettings"], *stage["RouteSettings"].values()]

    assert len(settings) > 1
    for item in settings:
        assert item["DataTraceEnabled"] is False
        assert item["LoggingLevel"] == "ERROR"
        assert item["DetailedMetricsEnabled"] is True


def test_routes_have_their_own_throttles(prod: Assembly) -> None:
    stage = prod.part("Stage")
    limits = {
        key: (item["ThrottlingRateLimit"], item["ThrottlingBurstLimit"])
        for key, item in stage["RouteSettings"].items()
    }

    assert limits["$connect"] == limits["joinSession"] == (500, 500)
    # The burst absorbs floods until they are closed, and half a second of honest audio.
    assert limits["sendAudio"] == (650, 2_750)
    # 10 000 listeners and 100 interpreters.
    assert limits["heartbeat"][0] >= 10_000 / 30 + 100
    # Requests made by hand get a small share.
    for key in ("createSession", "endSession", "pauseBroadcast", "getSessionStatus"):
        assert limits[key][0] <= 100
    default = stage["DefaultRouteSettings"]
    assert (default["ThrottlingRateLimit"], default["ThrottlingBurstLimit"]) == (500, 500)


@every_stage
def test_the_routes_leave_half_of_the_quota_to_deliveries(config: StageConfig) -> None:
    throttles = {route.key: config.throttle for route in ROUTES}
    throttles |= {route.key: config.http_throttle for route in HTTP_ROUTES}
    rates = [config.route_throttles.get(key, other).rate for key, other in throttles.items()]

    assert set(config.route_throttles) <= throttles.keys()
    assert sum(rates) <= config.api_requests_per_second / 2


def test_the_log_role_precedes_the_stage_and_outlives_it(
    assembly: Assembly,
) -> None:
    resources = assembly.template["Resources"]
    stage = resources["Stage"]
    (account,) = assembly.of_type("AWS::ApiGateway::Account")

    assert account in stage["DependsOn"]
    # API Gateway refuses the role in an account that has never had an API.
    assert "WebSocketApi" in resources[account]["DependsOn"]
    role = assembly.only("AWS::ApiGateway::Account")["CloudWatchRoleArn"].strip("<>")
    for kept in (account, role.removesuffix(".Arn")):
        assert resources[kept]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_an_existing_log_role_is_kept(tmp_path: Path) -> None:
    context = {**NO_BUNDLING, "gatewayLogRole": "existing"}
    left = synthesize(tmp_path / "cdk.out", context=context)

    assert not left.of_type("AWS::ApiGateway::Account")
    assert "AccessLogSettings" in left.part("Stage")


def test_without_a_log_role_nothing_is_logged(tmp_path: Path) -> None:
    silent = synthesize(tmp_path / "cdk.out", context={**NO_BUNDLING, "gatewayLogRole": "off"})
    stage = silent.part("Stage")

    assert not silent.of_type("AWS::ApiGateway::Account")
    assert "AccessLogSettings" not in stage
    levels = {item["LoggingLevel"] for item in stage["RouteSettings"].values()}
    assert {*levels, stage["DefaultRouteSettings"]["LoggingLevel"]} == {"OFF"}
