"""What `make smoke` runs, against the running stack and against what it cannot work with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.stage import Stage

ROOT = Path(__file__).parents[3]
# None is lost because this machine is slow.
LONG_CHUNKS = ("--chunk-ms=500",)


@dataclass(frozen=True)
class Ran:
    """How a run of the command ended."""

    status: int
    output: str

    @property
    def account(self) -> dict[str, Any]:
        """What `--json` printed."""
        return dict(json.loads(self.output))

    def tells(self, *parts: str) -> None:
        """It failed and said so; the step's name, what came, and a remedy."""
        assert self.status == 1, self.output
        assert "Traceback" not in self.output
        text = " ".join(self.output.split())
        for part in parts:
            assert part in text


def smoke(url: str, *arguments: str, token: str | None = None) -> Ran:
    """`python -m cli smoke`; a token is passed as people pass secrets, by the environment."""
    environment = {name: value for name, value in os.environ.items() if "LINGOCAST" not in name}
    if token is not None:
        environment["LINGOCAST_TOKEN"] = token
    done = subprocess.run(
        [sys.executable, "-m", "cli", "smoke", "--url", url, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout + done.stderr)


def test_the_running_stack_passes(endpoints: Endpoints) -> None:
    assert endpoints.token_url is not None
    arguments = ["--token-url", endpoints.token_url, "--seconds=2.5", "--json", *LONG_CHUNKS]
    ran = smoke(endpoints.websocket_url, *arguments)

    assert ran.status == 0, ran.output
    account = ran.account
    assert account["ok"] is True
    assert {step["status"] for step in account["steps"]} == {"ok"}
    assert {name: found["chunks"] for name, found in account["latencyMs"].items()} == {
        "en": 5,
        "es": 5,
        "fr": 1,
    }


def test_a_token_by_the_environment_works_and_is_never_shown(stage: Stage) -> None:
    token = stage.token("alice", "speakers")
    ran = smoke(stage.endpoints.websocket_url, "--seconds=1.5", *LONG_CHUNKS, token=token)

    assert ran.status == 0, ran.output
    assert "Everything works." in ran.output
    assert token not in ran.output


@pytest.mark.parametrize("groups", [(), ("interpreters",)])
def test_a_token_of_no_speaker_is_told(stage: Stage, groups: tuple[str, ...]) -> None:
    token = stage.token("ines", *groups)
    ran = smoke(stage.endpoints.websocket_url, token=token)

    ran.tells("failed: createSession", "came: FORBIDDEN", "in no group `speakers`")
    assert token not in ran.output


def test_an_expired_token_is_told(stage: Stage) -> None:
    token = stage.token("alice", "speakers", expiresIn=-10)
    ran = smoke(stage.endpoints.websocket_url, token=token)

    ran.tells("failed: speaker connects", "HTTP status 403", "the token is expired")
    assert token not in ran.output


def test_a_wrong_stage_is_told(stage: Stage) -> None:
    token = stage.token("alice", "speakers")
    ran = smoke(stage.endpoints.websocket_url + "elopment", token=token)

    ran.tells("failed: speaker connects", "HTTP status 403", "the URL names no stage of this API")


def test_an_address_where_nothing_listens_is_told() -> None:
    ran = smoke("ws://127.0.0.1:1/dev")

    ran.tells("failed: speaker connects", "nothing listens there", "`make run` starts one")


def test_a_deployed_stack_without_a_token_is_told_before_it_is_tried() -> None:
    ran = smoke("wss://example.execute-api.eu-central-1.amazonaws.com/dev")

    ran.tells("failed: token", "docs/operations.md says how to get one", "LINGOCAST_TOKEN")
