"""`make smoke` against the running stack, and against endpoints and tokens that fail."""

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
from tests.e2e.support.clients import StackClients

ROOT = Path(__file__).parents[3]
# A slow machine loses none.
LONG_CHUNKS = ("--chunk-ms=500",)


@dataclass(frozen=True)
class Ran:
    """The result of a run of the command."""

    status: int
    output: str

    @property
    def account(self) -> dict[str, Any]:
        """The output of `--json`."""
        return dict(json.loads(self.output))

    def reports(self, *parts: str) -> None:
        """Check that it failed and printed these parts: the step, the response, a remedy."""
        assert self.status == 1, self.output
        assert "Traceback" not in self.output
        text = " ".join(self.output.split())
        for part in parts:
            assert part in text


def smoke(url: str, *arguments: str, token: str | None = None) -> Ran:
    """Run `python -m cli smoke`, with the token in the environment."""
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


def test_a_token_in_the_environment_works_and_is_never_printed(clients: StackClients) -> None:
    token = clients.token("alice", "speakers")
    ran = smoke(clients.endpoints.websocket_url, "--seconds=1.5", *LONG_CHUNKS, token=token)

    assert ran.status == 0, ran.output
    assert "Everything works." in ran.output
    assert token not in ran.output


@pytest.mark.parametrize("groups", [(), ("interpreters",)])
def test_a_token_without_the_speakers_group_is_reported(
    clients: StackClients, groups: tuple[str, ...]
) -> None:
    token = clients.token("ines", *groups)
    ran = smoke(clients.endpoints.websocket_url, token=token)

    ran.reports("failed: createSession", "actual: FORBIDDEN", "not in the group `speakers`")
    assert token not in ran.output


def test_an_expired_token_is_reported(clients: StackClients) -> None:
    token = clients.token("alice", "speakers", expiresIn=-10)
    ran = smoke(clients.endpoints.websocket_url, token=token)

    ran.reports("failed: speaker connects", "HTTP status 403", "the token is expired")
    assert token not in ran.output


def test_a_wrong_stage_is_reported(clients: StackClients) -> None:
    token = clients.token("alice", "speakers")
    ran = smoke(clients.endpoints.websocket_url + "elopment", token=token)

    ran.reports("failed: speaker connects", "HTTP status 403", "the URL names no stage of this API")


def test_an_address_without_a_server_is_reported() -> None:
    ran = smoke("ws://127.0.0.1:1/dev")

    ran.reports("failed: speaker connects", "nothing listens there", "(`make run`)")


def test_a_missing_token_for_a_deployed_stack_is_reported_before_connecting() -> None:
    ran = smoke("wss://example.execute-api.eu-central-1.amazonaws.com/dev")

    ran.reports("failed: token", "docs/operations.md says how to get one", "LINGOCAST_TOKEN")
