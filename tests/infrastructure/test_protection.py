"""Protection of data, costs and audio, by stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.catalogue.function_table import FUNCTIONS
from infrastructure.catalogue.routes import ROUTES
from infrastructure.stage.config import STAGES
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, synthesize

# An account must keep 100 of its 1 000 concurrent executions unreserved:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
RESERVABLE = 900


def reserved(assembly: Assembly) -> dict[str, int]:
    return {
        function["Handler"].split(".")[1]: function["ReservedConcurrentExecutions"]
        for function in assembly.of_type("AWS::Lambda::Function").values()
        if "ReservedConcurrentExecutions" in function
    }


def manifest(assembly: Assembly) -> Any:
    artifacts = json.loads((assembly.directory / "manifest.json").read_text())["artifacts"]
    return artifacts[f"lingocast-{assembly.stage}"]


def test_prod_is_protected_from_deletion(assembly: Assembly, prod: Assembly) -> None:
    for of, tables, users in ((assembly, False, "INACTIVE"), (prod, True, "ACTIVE")):
        for table in of.of_type("AWS::DynamoDB::Table").values():
            assert table["DeletionProtectionEnabled"] is tables
        assert of.only("AWS::Cognito::UserPool")["DeletionProtection"] == users
        assert manifest(of)["properties"].get("terminationProtection", False) is tables


def test_tables_can_be_restored(assembly: Assembly, prod: Assembly) -> None:
    for of, days in ((assembly, 1), (prod, 35)):
        for table in of.of_type("AWS::DynamoDB::Table").values():
            assert table["PointInTimeRecoverySpecification"] == {
                "PointInTimeRecoveryEnabled": True,
                "RecoveryPeriodInDays": days,
            }


@pytest.mark.parametrize("stage", STAGES)
def test_every_log_group_expires(stage: str, request: pytest.FixtureRequest) -> None:
    of: Assembly = request.getfixturevalue("assembly" if stage == "dev" else "prod")
    groups = of.of_type("AWS::Logs::LogGroup").values()

    assert {group["RetentionInDays"] for group in groups} == {7 if stage == "dev" else 90}


def test_dev_reserves_no_executions(assembly: Assembly) -> None:
    assert reserved(assembly) == {}


def test_prod_reserves_executions_for_audio(prod: Assembly) -> None:
    assert reserved(prod) == {"audio_processor": 200, "broadcast": 200, "interpreter": 25}
    assert sum(reserved(prod).values()) <= RESERVABLE / 2


def test_reservations_can_be_turned_off(tmp_path: Path) -> None:
    context = {**NO_BUNDLING, "reservedConcurrency": "off"}
    assert reserved(synthesize(tmp_path / "cdk.out", "prod", context)) == {}


@pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)
def test_functions_end_before_their_callers_and_cannot_loop(assembly: Assembly, spec: Any) -> None:
    function = assembly.function(spec.name)

    if spec in {route.function for route in ROUTES}:
        # API Gateway's limit for an integration (s).
        assert function["Timeout"] < 29
    assert function["RecursiveLoop"] == ("Allow" if spec.repeats_itself else "Terminate")
    assert function["LoggingConfig"]["LogFormat"] == "Text"
    assert "TracingConfig" not in function


def test_events_with_secrets_are_neither_kept_nor_retried(assembly: Assembly) -> None:
    """An event of the interpreter contains the session's ticket. The sweep sends a new event."""
    (interpreter,) = (
        logical_id
        for logical_id, function in assembly.of_type("AWS::Lambda::Function").items()
        if function["FunctionName"] == "lingocast-dev-interpreter"
    )

    (events,) = (
        item
        for item in assembly.of_type("AWS::Lambda::EventInvokeConfig").values()
        if item["FunctionName"] == f"<{interpreter}>"
    )
    assert events == {
        "FunctionName": f"<{interpreter}>",
        "Qualifier": "$LATEST",
        "MaximumEventAgeInSeconds": 60,
        "MaximumRetryAttempts": 0,
    }
    assert "DeadLetterConfig" not in assembly.function("interpreter")


def test_passwords_are_long_and_mixed(assembly: Assembly) -> None:
    policy = assembly.only("AWS::Cognito::UserPool")["Policies"]["PasswordPolicy"]

    assert policy["MinimumLength"] >= 12
    kinds = ("Lowercase", "Numbers", "Symbols", "Uppercase")
    assert all(policy[f"Require{kind}"] for kind in kinds)
