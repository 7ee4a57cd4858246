"""`make deploy`: failed first deployments can be retried, later ones stay protected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from infrastructure.commands import deploy as deploying
from infrastructure.commands.deploy import deploy
from infrastructure.stage.config import ConfigError
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, synthesize

SESSION = boto3.Session("testing", "testing", region_name="eu-central-1")
WITH_MAIL = ("--context", "alarmEmail=ops@example.org")
# Properties that give a resource a fixed name.
NAMES = (
    "AlarmName",
    "DashboardName",
    "FunctionName",
    "LogGroupName",
    "Name",
    "QueueName",
    "RoleName",
    "TableName",
    "TopicName",
    "UserPoolName",
)


class Stack:
    """A stubbed stack with one status for each DescribeStacks call. It records runs of the CDK."""

    def __init__(self, *statuses: str | None, protected: bool = False, exits: int = 0) -> None:
        self._client = SESSION.client("cloudformation")
        self._stubber = Stubber(self._client)
        self.runs: list[Sequence[str]] = []
        self.messages: list[str] = []
        self._exits = exits
        for status in statuses:
            self._describe(status, protected=protected)
            if protected and status != "CREATE_COMPLETE":
                self._stubber.add_response(
                    "update_termination_protection",
                    {},
                    {"StackName": "lingocast-prod", "EnableTerminationProtection": False},
                )
            protected = False

    def _describe(self, status: str | None, *, protected: bool) -> None:
        if status is None:
            self._stubber.add_client_error(
                "describe_stacks", "ValidationError", "Stack with id x does not exist"
            )
            return
        stack: dict[str, Any] = {
            "StackName": "lingocast",
            "CreationTime": "2026-01-01T00:00:00Z",
            "StackStatus": status,
            "EnableTerminationProtection": protected,
        }
        self._stubber.add_response("describe_stacks", {"Stacks": [stack]})

    def deploy(self, stage: str = "prod", options: Sequence[str] = WITH_MAIL) -> int:
        with self._stubber:
            status = deploy(stage, options, self._client, self._run, tell=self.messages.append)
            self._stubber.assert_no_pending_responses()
        return status

    def _run(self, arguments: Sequence[str]) -> int:
        self.runs.append(arguments)
        return self._exits

    @property
    def unprotected(self) -> list[bool]:
        """Whether each run was without protections."""
        return ["protection=off" in run for run in self.runs]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The assembly of prod's first deployment."""
    return synthesize(
        tmp_path_factory.mktemp("first") / "cdk.out", "prod", {**NO_BUNDLING, "protection": "off"}
    )


def test_a_first_deployment_can_be_rolled_back(first: Assembly) -> None:
    manifest = json.loads((first.directory / "manifest.json").read_text())
    stack = manifest["artifacts"]["lingocast-prod"]["properties"]

    assert stack.get("terminationProtection", False) is False
    for table in first.of_type("AWS::DynamoDB::Table").values():
        assert table["DeletionProtectionEnabled"] is False
    assert first.only("AWS::Cognito::UserPool")["DeletionProtection"] == "INACTIVE"


def test_a_failed_first_deployment_leaves_no_name_behind(first: Assembly) -> None:
    """Resources that outlive the stack have no fixed names, so a retry can create them again."""
    kept = {
        logical_id: resource
        for logical_id, resource in first.template["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }

    assert {item["Type"] for item in kept.values()} == {
        "AWS::IAM::Role",
        "AWS::ApiGateway::Account",
    }
    assert not [
        logical_id
        for logical_id, item in kept.items()
        if set(NAMES) & item.get("Properties", {}).keys()
    ]


def test_the_second_deployment_changes_protections_and_nothing_else(
    first: Assembly, prod: Assembly
) -> None:
    """It replaces no resource and changes no permission."""
    protections = {"DeletionProtectionEnabled", "DeletionProtection"}

    def bare(of: Assembly) -> dict[str, Any]:
        return {
            logical_id: {
                name: value
                for name, value in resource.get("Properties", {}).items()
                if name not in protections
            }
            for logical_id, resource in of.template["Resources"].items()
        }

    assert bare(first) == bare(prod)
    assert first.template["Outputs"] == prod.template["Outputs"]


def test_a_stage_without_protections_is_deployed_once() -> None:
    stack = Stack(None)

    assert stack.deploy("dev", ()) == 0
    assert stack.unprotected == [False]


@pytest.mark.parametrize("status", [None, "DELETE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_prod_is_deployed_first_and_then_protected(status: str | None) -> None:
    stack = Stack(status, "CREATE_COMPLETE")

    assert stack.deploy() == 0
    assert stack.unprotected == [True, False]
    assert [run[1] for run in stack.runs] == ["deploy", "deploy"]
    assert all("alarmEmail=ops@example.org" in run and "stage=prod" in run for run in stack.runs)


@pytest.mark.parametrize(
    "status",
    ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"],
)
def test_a_stack_in_service_is_never_without_protections(status: str) -> None:
    stack = Stack(status)

    assert stack.deploy() == 0
    assert stack.unprotected == [False]


def test_an_interrupted_first_deployment_is_protected_by_the_next() -> None:
    stack = Stack("CREATE_COMPLETE")

    assert stack.deploy() == 0
    assert stack.unprotected == [False]


def test_a_first_deployment_that_fails_is_not_followed_by_another() -> None:
    stack = Stack(None, exits=1)

    assert stack.deploy() == 1
    assert stack.unprotected == [True]


def test_a_first_deployment_that_was_not_executed_is_not_protected() -> None:
    stack = Stack(None, "REVIEW_IN_PROGRESS")

    assert stack.deploy(options=(*WITH_MAIL, "--no-execute")) == 0
    assert stack.unprotected == [True]
    assert "not in service yet" in stack.messages[-1]


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_protection_is_removed_from_a_stack_that_failed_to_create(status: str) -> None:
    """A `cdk deploy` of the protected template left it. That stack was never in service."""
    stack = Stack(status, "CREATE_COMPLETE", protected=True)

    assert stack.deploy() == 0
    assert stack.unprotected == [True, False]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("CREATE_IN_PROGRESS", "is CREATE_IN_PROGRESS: wait"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "is UPDATE_ROLLBACK_IN_PROGRESS: wait"),
        ("DELETE_FAILED", "make destroy STAGE=prod"),
    ],
)
def test_unsuitable_states_are_reported_before_the_deployment(status: str, expected: str) -> None:
    stack = Stack(status)

    with pytest.raises(ConfigError, match=expected):
        stack.deploy()
    assert not stack.runs


def test_prods_alarms_need_a_recipient() -> None:
    """Checked before any call of AWS: a deployment without an address would remove the old one."""
    stack = Stack()

    with pytest.raises(ConfigError, match=r"^alarmEmail: alarms of prod would have no recipient"):
        stack.deploy(options=())
    assert not stack.runs


@pytest.mark.parametrize(
    "options",
    [
        ("--context", "alarmEmail=none"),
        ("--context=alarmEmail=ops@example.org",),
        ("-c", "alarmEmail=ops@example.org", "--require-approval", "never"),
    ],
)
def test_the_recipient_of_alarms_can_be_given_in_every_syntax_of_the_cdk(
    options: tuple[str, ...],
) -> None:
    assert Stack("UPDATE_COMPLETE").deploy(options=options) == 0


def test_an_invalid_option_is_reported_before_aws_is_called() -> None:
    with pytest.raises(
        ConfigError, match="alarmEmail: expected an e-mail address or none, not 'ops'"
    ):
        Stack().deploy(options=("--context", "alarmEmail=ops"))


def test_a_stack_without_read_access_is_not_taken_for_a_new_one() -> None:
    client = SESSION.client("cloudformation")
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_stacks", "AccessDenied", "not authorized")

        with pytest.raises(ConfigError, match="cannot read the state of the stack lingocast-prod"):
            deploy("prod", WITH_MAIL, client, lambda _: 0)


def test_an_error_of_cloudformation_stops_the_deployment() -> None:
    client = SESSION.client("cloudformation")
    runs: list[Sequence[str]] = []

    def run(arguments: Sequence[str]) -> int:
        runs.append(arguments)
        return 0

    with Stubber(client) as stubber:
        stack = {
            "StackName": "lingocast-prod",
            "CreationTime": "2026-01-01T00:00:00Z",
            "StackStatus": "ROLLBACK_FAILED",
            "EnableTerminationProtection": True,
        }
        stubber.add_response("describe_stacks", {"Stacks": [stack]})
        stubber.add_client_error("update_termination_protection", "AccessDenied")

        with pytest.raises(ClientError):
            deploy("prod", WITH_MAIL, client, run)
    assert not runs


def test_a_missing_region_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    assert deploying.main(["--stage", "prod", "--", *WITH_MAIL]) == 1
    assert capsys.readouterr().err == "deploy: cannot reach AWS: You must specify a region.\n"


def test_an_unknown_profile_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert deploying.main(["--", "--profile", "nope"]) == 1
    assert "nope" in capsys.readouterr().err
