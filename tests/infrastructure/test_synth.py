"""Synthesis: inputs, reproducibility, and the template as a whole."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.assembly import ROOT, SEARCH_PATH, Assembly, run_app, synthesize

CDK = ROOT / "node_modules" / ".bin" / "cdk"


def test_the_local_stack_finds_the_template(assembly: Assembly) -> None:
    assert assembly.template_file.name == "lingocast-dev.template.json"
    assert assembly.template_file.exists()


def test_two_syntheses_give_the_same_template(assembly: Assembly, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    done = run_app(again, PYTHONHASHSEED="4711")

    assert done.returncode == 0, done.stderr
    assert Assembly(again, "dev").template_file.read_text() == assembly.template_file.read_text()


def test_the_command_line_gives_the_same_template(prod: Assembly, tmp_path: Path) -> None:
    # `list` is the only command that synthesizes without building the layer.
    done = subprocess.run(
        [
            CDK,
            "list",
            f"--app={shlex.join((sys.executable, 'app.py'))}",
            f"--output={tmp_path}",
            "--context=stage=prod",
            "--no-notices",
        ],
        env={
            "PATH": SEARCH_PATH,
            "CDK_VALIDATION": "false",
            "CDK_DISABLE_VERSION_CHECK": "1",
            # Otherwise it waits for the metadata address, which only machines in AWS can reach.
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "lingocast-prod" in done.stdout
    assert Assembly(tmp_path, "prod").template == prod.template


def test_an_unknown_stage_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    done = run_app(tmp_path / "cdk.out", {"stage": "staging"})

    assert done.returncode == 1
    assert done.stderr.strip() == "app.py: unknown stage 'staging'; there are: dev, prod"


def test_an_option_is_not_silently_ignored(tmp_path: Path) -> None:
    done = run_app(tmp_path / "cdk.out", options=["--context", "stage=prod"])

    assert done.returncode == 1
    assert "CDK_CONTEXT_JSON" in done.stderr


def test_no_lookups_and_no_analytics(assembly: Assembly) -> None:
    manifest = json.loads((assembly.directory / "manifest.json").read_text())

    assert "missing" not in manifest
    assert manifest["artifacts"]["lingocast-dev"]["environment"] == (
        "aws://unknown-account/unknown-region"
    )
    assert not assembly.of_type("AWS::CDK::Metadata")
    assert "Parameters" not in assembly.template


def test_outputs_contain_the_addresses(assembly: Assembly, prod: Assembly) -> None:
    outputs = {"WebSocketUrl", "HttpUrl", "UserPoolId", "UserPoolClientId", "Region"}

    assert set(assembly.template["Outputs"]) == outputs
    assert set(prod.template["Outputs"]) == {*outputs, "AlarmTopicArn"}


def test_only_prod_retains_data(assembly: Assembly, prod: Assembly) -> None:
    def policies(of: Assembly) -> dict[str, set[str | None]]:
        found: dict[str, set[str | None]] = {}
        for resource in of.template["Resources"].values():
            found.setdefault(resource["Type"], set()).add(resource.get("DeletionPolicy"))
        return found

    data = ("AWS::Cognito::UserPool", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup")
    for resource_type in data:
        assert policies(assembly)[resource_type] == {"Delete"}
        assert policies(prod)[resource_type] == {"RetainExceptOnCreate"}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_linter_reports_nothing(stage: str, request: pytest.FixtureRequest) -> None:
    linted: Assembly = request.getfixturevalue("assembly" if stage == "dev" else "prod")
    done = subprocess.run(
        [
            sys.executable,
            Path(sys.executable).with_name("cfn-lint"),
            "--non-zero-exit-code=informational",
            linted.template_file,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failed_layer_build_is_reported_with_its_cause(tmp_path: Path) -> None:
    done = run_app(tmp_path / "cdk.out", {}, PIP_NO_INDEX="1")

    assert done.returncode != 0
    assert "cannot build the dependency layer" in done.stderr
    assert "Cannot install aws-lambda-powertools" in done.stderr
    assert "the package index is unreachable" in done.stderr
    assert "docker" not in done.stderr


def test_stages_can_share_an_account(assembly: Assembly, prod: Assembly) -> None:
    named = {
        "AWS::ApiGatewayV2::Api": "Name",
        "AWS::Cognito::UserPool": "UserPoolName",
        "AWS::DynamoDB::Table": "TableName",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::Logs::LogGroup": "LogGroupName",
        "AWS::SecretsManager::Secret": "Name",
    }
    for resource_type, name in named.items():
        ours = {properties[name] for properties in assembly.of_type(resource_type).values()}
        others = {properties[name] for properties in prod.of_type(resource_type).values()}
        assert len(ours) == len(others) > 0
        assert not ours & others


def test_naming_the_default_stage_changes_nothing(assembly: Assembly, tmp_path: Path) -> None:
    assert synthesize(tmp_path / "cdk.out", stage="dev").template == assembly.template
