"""What keeps data, money and audio from accidents, stage by stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.catalogue.function_table import FUNCTIONS
from infrastructure.catalogue.routes import ROUTES
from infrastructure.stage.config import STAGES
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, synthesize

# Of 1 000 concurrent executions, an account must keep 100 for functions without a reservation:
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


def test_prod_refuses_to_be_deleted(assembly: Assembly, prod: Assembly) -> None:
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


def test_a_first_deployment_reserves_nothing(assembly: Assembly) -> None:
    assert reserved(assembly) == {}


def test_prods_audio_has_executions_of_its_own(prod: Assembly) -> None:
    assert reserved(prod) == {"audio_processor": 200, "broadcast": 200, "interpreter": 25}
    assert sum(reserved(prod).values()) <= RESERVABLE / 2


def test_prod_can_do_without_for_an_account_that_has_none(tmp_path: Path) -> None:
    context = {**NO_BUNDLING, "reservedConcurrency": "off"}
    assert reserved(synthesize(tmp_path / "cdk.out", "prod", context)) == {}


@pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)
def test_a_function_ends_before_who_waits_for_it_and_cannot_run_in_circles(
    assembly: Assembly, spec: Any
) -> None:
    function = assembly.function(spec.name)

    if spec in {route.function for route in ROUTES}:
        # What API Gateway waits for a function, at most.
        assert function["Timeout"] < 29
    assert function["RecursiveLoop"] == ("Allow" if spec.repeats_itself else "Terminate")
    assert function["LoggingConfig"]["LogFormat"] == "Text"
    assert "TracingConfig" not in function


def test_what_may_hold_a_secret_is_neither_kept_nor_tried_again(assembly: Assembly) -> None:
    """The event of an interpreter's run has the session's ticket; the sweep makes another."""
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
