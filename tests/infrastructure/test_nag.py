"""cdk-nag: every finding is acknowledged with a reason, every acknowledgement has a finding."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
import pytest

from infrastructure import nag
from infrastructure.stack import LingocastStack
from infrastructure.stage.context import config_from
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, run_app


def stack_of(stage: str, outdir: Path) -> tuple[cdk.App, LingocastStack]:
    app = cdk.App(outdir=str(outdir), context=dict(NO_BUNDLING), analytics_reporting=False)
    return app, LingocastStack(app, config_from({"stage": stage}.get))


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_findings_and_acknowledgements_match(stage: str, tmp_path: Path) -> None:
    app, stack = stack_of(stage, tmp_path)
    acknowledged = [item.finding for item in nag.acknowledgements(stack)]

    assert set(acknowledged) == nag.findings(app, stack)
    assert len(acknowledged) == len(set(acknowledged))


def test_a_checked_synthesis_passes_and_changes_nothing(assembly: Assembly, tmp_path: Path) -> None:
    done = run_app(tmp_path / "cdk.out", {**NO_BUNDLING, "nag": "true"}, CDK_VALIDATION="true")

    assert done.returncode == 0, done.stderr
    assert Assembly(tmp_path / "cdk.out", "dev").template == assembly.template


@pytest.fixture(autouse=True)
def validating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDK_VALIDATION", raising=False)


def test_an_unacknowledged_finding_fails_the_synthesis(tmp_path: Path) -> None:
    app, stack = stack_of("dev", tmp_path)
    nag.check(app, stack)
    cdk.aws_sqs.CfnQueue(stack, "OpenQueue")

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert "AwsSolutions-SQS3" in (tmp_path / "validation-report.json").read_text()


def test_an_unneeded_acknowledgement_is_reported(tmp_path: Path) -> None:
    app, stack = stack_of("dev", tmp_path)
    stack.node.try_remove_child("UserPool")

    with pytest.raises(nag.StaleAcknowledgementError, match="UserPool AwsSolutions-COG2"):
        nag.check(app, stack)


def test_a_disabled_check_is_reported(tmp_path: Path) -> None:
    done = run_app(tmp_path / "cdk.out", {**NO_BUNDLING, "nag": "true"}, CDK_VALIDATION="false")

    assert done.returncode == 1
    assert done.stderr.strip() == "app.py: nag: CDK_VALIDATION=false would skip the rules; unset it"
