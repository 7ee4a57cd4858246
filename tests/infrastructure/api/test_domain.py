"""A custom domain for the WebSocket API."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.stage.config import ConfigError
from infrastructure.stage.context import config_from
from local.template.stack_reader import read_stack
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, synthesize

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d-0000"
GIVEN = {"domainName": "live.example.org", "certificateArn": CERTIFICATE}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """A stage with a domain whose zone is in Route 53."""
    context = {**NO_BUNDLING, **GIVEN, "hostedZoneId": "Z0123456789ABC"}
    return synthesize(tmp_path_factory.mktemp("domain") / "cdk.out", "dev", context)


def test_the_domain_maps_to_the_stage(own: Assembly) -> None:
    assert own.template["Outputs"]["WebSocketUrl"]["Value"] == "wss://live.example.org/dev"
    mapping = own.only("AWS::ApiGatewayV2::ApiMapping")
    assert mapping == {
        "ApiId": "<WebSocketApi>",
        "ApiMappingKey": "dev",
        "DomainName": "<Domain>",
        "Stage": "dev",
    }
    assert own.template["Resources"]["DomainMapping"]["DependsOn"] == ["Stage"]


def test_the_domain_has_a_certificate_and_records(own: Assembly) -> None:
    (configuration,) = own.only("AWS::ApiGatewayV2::DomainName")["DomainNameConfigurations"]

    assert configuration["CertificateArn"] == CERTIFICATE
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    records = own.of_type("AWS::Route53::RecordSet").values()
    assert {record["Type"] for record in records} == {"A", "AAAA"}
    for record in records:
        assert record["HostedZoneId"] == "Z0123456789ABC"
        assert record["AliasTarget"]["DNSName"] == "<Domain.RegionalDomainName>"


def test_functions_post_to_the_apis_own_endpoint(own: Assembly) -> None:
    """That endpoint needs no DNS record, and the permissions name it."""
    variables = own.function("control")["Environment"]["Variables"]

    assert variables["API_GATEWAY_ENDPOINT"].startswith("https://<WebSocketApi>.execute-api.")
    assert "DisableExecuteApiEndpoint" not in own.only("AWS::ApiGatewayV2::DomainName")


def test_the_local_stack_has_its_own_address(own: Assembly) -> None:
    assert read_stack(own.template_file).websocket.stage == "dev"


def test_without_a_zone_the_target_is_an_output(tmp_path: Path) -> None:
    other = synthesize(tmp_path / "cdk.out", "dev", {**NO_BUNDLING, **GIVEN})

    assert not other.of_type("AWS::Route53::RecordSet")
    target = other.template["Outputs"]["DomainTarget"]["Value"]
    assert target == {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"domainName": "live.example.org"}, "certificateArn: expected the ARN of an ACM"),
        ({"certificateArn": CERTIFICATE}, "certificateArn: needs domainName"),
        ({"hostedZoneId": "Z0123"}, "hostedZoneId: needs domainName"),
        ({**GIVEN, "domainName": "wss://live.example.org/dev"}, "domainName: expected a name like"),
        ({**GIVEN, "domainName": "localhost"}, "domainName: expected a name like"),
        ({**GIVEN, "hostedZoneId": "example.org"}, "hostedZoneId: expected an id like"),
        (
            {**GIVEN, "region": "eu-west-1"},
            "the certificate is in eu-central-1, the stage in eu-west-1",
        ),
    ],
)
def test_an_incomplete_domain_is_refused(given: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        config_from(given.get)
