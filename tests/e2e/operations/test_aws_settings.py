"""Local stacks ignore the AWS settings of the user who runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from local.launch import launch
from tests.e2e.support.stacks import NO_SCHEDULES_SECONDS
from tests.unit.local.base.test_aws_settings import AWS_SETTINGS


def test_a_stack_ignores_the_users_aws_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    for name in ("config", "credentials"):
        (folder / name).write_text("[profile nope\nregion")
    for name, value in {**AWS_SETTINGS, "HOME": os.fspath(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.fspath(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.fspath(folder / "credentials"))
    with launch(extra_args=[f"--schedule-seconds={NO_SCHEDULES_SECONDS}"]) as endpoints:
        assert endpoints.token_url is not None
        arguments = ["smoke", "--url", endpoints.websocket_url, "--token-url", endpoints.token_url]
        smoke = CliRunner().invoke(app, arguments)
    assert smoke.exit_code == 0, smoke.output
