"""A stage fits its Region, or an error says why not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from infrastructure.monitoring.alarms import quota_alarm_at
from infrastructure.stage.config import STAGES, ConfigError, StageConfig
from infrastructure.stage.context import config_from
from infrastructure.stage.region_limits import fit_to_region, routes_rate
from infrastructure.stage.regions import REGIONS, SERVICES
from infrastructure.stage.throttles import Throttle
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, run_app

ENGINES = "INTERPRETATION_ENGINES"
WITH_AWS = {
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
}
# "For the following Regions, the default throttle quota is 2500 RPS":
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
WITH_2_500 = {
    "af-south-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
}


def config(stage: str, deployed_to: str | None, **context: object) -> StageConfig:
    return config_from({"stage": stage, **context}.get, deployed_to)


def engines(of: StageConfig) -> str | None:
    return of.settings.get(ENGINES)


def test_the_table_agrees_with_botocore() -> None:
    data = botocore.session.get_session().get_data("endpoints")
    (commercial,) = (item for item in data["partitions"] if item["partition"] == "aws")

    assert set(REGIONS) == set(commercial["regions"])
    for name, endpoint in SERVICES.items():
        there = set(commercial["services"][endpoint]["endpoints"]) & set(REGIONS)
        assert {region for region, facts in REGIONS.items() if name in facts.services} == there


def test_the_table_agrees_with_the_documentation() -> None:
    assert {
        region for region, facts in REGIONS.items() if facts.requests_per_second == 2_500
    } == WITH_2_500
    assert {facts.requests_per_second for facts in REGIONS.values()} == {2_500, 10_000}
    assert {region for region, facts in REGIONS.items() if not facts.missing_services} == WITH_AWS


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("region", REGIONS)
def test_every_stage_fits_every_region(stage: str, region: str) -> None:
    found = config(stage, region)
    quota = 2_500 if region in WITH_2_500 else 10_000

    assert found.api_requests_per_second == quota
    assert routes_rate(found) <= quota / 2
    assert quota_alarm_at(found) == quota * 60 * 0.8
    assert min(item.rate for item in found.route_throttles.values()) >= 1
    assert engines(found) == (None if region in WITH_AWS else "none")
    assert bool(found.notes) == (quota < 10_000 or region not in WITH_AWS)


def test_without_a_region_a_stage_is_as_in_us_east_1() -> None:
    assert config("prod", None) == config("prod", "us-east-1")
    assert not config("prod", None).notes


def test_a_smaller_quota_scales_every_throttle_down() -> None:
    full, less = config("prod", "eu-central-1"), config("prod", "eu-south-1")

    for key, throttle in full.route_throttles.items():
        assert less.route_throttles[key].rate == max(1, throttle.rate // 4)
        assert less.route_throttles[key].burst == max(1, throttle.burst // 4)
    assert less.throttle.rate == full.throttle.rate // 4


def test_a_raised_quota_is_given_by_the_context() -> None:
    raised = config("prod", "eu-south-1", apiRequestsPerSecond="20000")

    assert raised.route_throttles == config("prod", "eu-central-1").route_throttles
    assert quota_alarm_at(raised) == 20_000 * 60 * 0.8


def test_throttles_that_leave_too_little_for_deliveries_are_refused() -> None:
    greedy = replace(STAGES["dev"], throttle=Throttle(rate=5_000, burst=5_000))

    for quota, told in (
        (None, "only 5000 of the account's 10000"),
        (20_000, "only 10000 of the account's 20000"),
    ):
        with pytest.raises(ConfigError, match=rf"dev may take \d+ requests/s, but {told}"):
            fit_to_region(greedy, None, quota)


@pytest.mark.parametrize("quota", ["many", "0", "-5", "2.5", True, ""])
def test_invalid_quotas_are_refused(quota: object) -> None:
    with pytest.raises(ConfigError, match="apiRequestsPerSecond: expected the account's quota"):
        config("dev", None, apiRequestsPerSecond=quota)


def test_an_engine_that_the_region_cannot_run_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"INTERPRETATION_ENGINES: Region eu-west-3 has no Transcribe streaming"
    ):
        config("dev", "eu-west-3", settings={ENGINES: "aws"})


@pytest.mark.parametrize("chosen", ["none", "scripted"])
def test_engines_without_aws_are_accepted_everywhere(chosen: str) -> None:
    assert engines(config("dev", "eu-west-3", settings={ENGINES: chosen})) == chosen


def test_an_unknown_region_gets_the_smallest_quota_and_a_note() -> None:
    found = config("prod", "us-gov-west-1")

    assert found.api_requests_per_second == 2_500
    assert engines(found) == "none"
    assert "us-gov-west-1 is not in infrastructure/stage/regions.py" in found.notes[0]


def test_the_context_overrides_the_region_of_the_command_line() -> None:
    assert config("dev", "eu-west-3", region="eu-central-1") == config("dev", "eu-central-1")


@pytest.mark.parametrize("region", ["Frankfurt", "", "eu-central", 7])
def test_invalid_regions_are_refused(region: object) -> None:
    with pytest.raises(ConfigError, match="region: expected a Region like eu-central-1"):
        config("dev", None, region=region)


def test_the_app_uses_the_command_lines_region(tmp_path: Path) -> None:
    done = run_app(tmp_path / "cdk.out", {**NO_BUNDLING}, CDK_DEFAULT_REGION="eu-south-1")

    assert done.returncode == 0, done.stderr
    template = Assembly(tmp_path / "cdk.out", "dev")
    variables = template.function("control")["Environment"]["Variables"]
    assert variables[ENGINES] == "none"
    assert "app.py: note: Region eu-south-1 has no Transcribe streaming" in done.stderr
    (alarm,) = (
        alarm
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["AlarmName"] == "lingocast-dev-gateway-quota"
    )
    assert alarm["Threshold"] == 120_000
    manifest: Any = json.loads((template.directory / "manifest.json").read_text())
    assert manifest["artifacts"]["lingocast-dev"]["environment"].endswith("unknown-region")
