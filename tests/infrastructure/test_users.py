"""Users and outputs of a deployed stage, with AWS's own service models in place of AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infrastructure import outputs, users
from infrastructure.config import ConfigError
from infrastructure.outputs import outputs_of
from infrastructure.users import Users
from tests.infrastructure.assembly import Assembly

POOL, APP, EMAIL, PASSWORD = "eu-central-1_pool", "app1", "ada@example.org", "Correct-horse-1"
OUTPUTS = {"UserPoolId": POOL, "UserPoolClientId": APP}
AUTH = {
    "ClientId": APP,
    "AuthFlow": "USER_PASSWORD_AUTH",
    "AuthParameters": {"USERNAME": EMAIL, "PASSWORD": PASSWORD},
}
SIGNED_IN = {"AuthenticationResult": {"AccessToken": "a.b.c"}}


SESSION = boto3.Session("testing", "testing", region_name="eu-central-1")


@pytest.fixture
def cognito() -> Iterator[tuple[Any, Stubber]]:
    """A client that refuses what its service model does not know, or is not expected."""
    made = SESSION.client("cognito-idp")
    with Stubber(made) as stubber:
        yield made, stubber
        stubber.assert_no_pending_responses()


def expect_password_and_group(stubber: Stubber) -> None:
    user = {"UserPoolId": POOL, "Username": EMAIL}
    stubber.add_response(
        "admin_set_user_password", {}, {**user, "Password": PASSWORD, "Permanent": True}
    )
    stubber.add_response("admin_add_user_to_group", {}, {**user, "GroupName": "speakers"})


def test_a_user_gets_a_password_and_a_group(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_response(
        "admin_create_user",
        {},
        {
            "UserPoolId": POOL,
            "Username": EMAIL,
            "UserAttributes": [
                {"Name": "email", "Value": EMAIL},
                {"Name": "email_verified", "Value": "true"},
            ],
            "MessageAction": "SUPPRESS",
        },
    )
    expect_password_and_group(stubber)

    Users(made, OUTPUTS, lambda _prompt: PASSWORD).create(EMAIL, "speakers")


def test_a_user_that_exists_gets_them_too(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_client_error("admin_create_user", "UsernameExistsException")
    expect_password_and_group(stubber)

    Users(made, OUTPUTS, lambda _prompt: PASSWORD).create(EMAIL, "speakers")


def test_a_token_comes_by_a_flow_that_the_client_allows(
    cognito: tuple[Any, Stubber], assembly: Assembly
) -> None:
    made, stubber = cognito
    stubber.add_response("initiate_auth", SIGNED_IN, AUTH)

    assert Users(made, OUTPUTS, lambda _prompt: PASSWORD).token(EMAIL) == "a.b.c"
    flows = assembly.only("AWS::Cognito::UserPoolClient")["ExplicitAuthFlows"]
    assert f"ALLOW_{AUTH['AuthFlow']}" in flows


def test_a_second_factor_is_asked_for(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    challenge = {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "s" * 20}
    stubber.add_response("initiate_auth", challenge, AUTH)
    stubber.add_response(
        "respond_to_auth_challenge",
        SIGNED_IN,
        {
            "ClientId": APP,
            "ChallengeName": "SOFTWARE_TOKEN_MFA",
            "Session": "s" * 20,
            "ChallengeResponses": {"USERNAME": EMAIL, "SOFTWARE_TOKEN_MFA_CODE": "123456"},
        },
    )
    secrets = iter([PASSWORD, "123456"])

    assert Users(made, OUTPUTS, lambda _prompt: next(secrets)).token(EMAIL) == "a.b.c"


def test_another_challenge_is_named(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_response("initiate_auth", {"ChallengeName": "NEW_PASSWORD_REQUIRED"}, AUTH)

    with pytest.raises(ConfigError, match="asks for NEW_PASSWORD_REQUIRED"):
        Users(made, OUTPUTS, lambda _prompt: PASSWORD).token(EMAIL)


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--email", EMAIL, "--group", "listeners"],
        ["create", "--email", "", "--group", "speakers"],
        ["token", "--email", EMAIL, "--stage", "staging"],
    ],
)
def test_wrong_arguments_are_told(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        users.main(arguments)


def test_outputs_are_those_of_the_stages_stack() -> None:
    made = SESSION.client("cloudformation")
    stack = {
        "StackName": "lingocast-dev",
        "CreationTime": "2026-01-01T00:00:00Z",
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": "Region", "OutputValue": "eu-central-1"}],
    }
    with Stubber(made) as stubber:
        stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "lingocast-dev"})

        assert outputs_of("dev", made) == {"Region": "eu-central-1"}


def test_a_stage_that_is_not_deployed_is_told_with_what_to_do() -> None:
    made = SESSION.client("cloudformation")
    with Stubber(made) as stubber:
        stubber.add_client_error("describe_stacks", "ValidationError", "does not exist")

        with pytest.raises(ConfigError, match=r"no stack lingocast-prod .*`make deploy`"):
            outputs_of("prod", made)


def test_outputs_without_credentials_or_region_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # It remembers credentials that it found before.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)

    assert outputs.main([]) == 1
    assert capsys.readouterr().err.strip() == "outputs: cannot ask AWS: You must specify a region."

    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert outputs.main([]) == 1
    assert (
        capsys.readouterr().err.strip() == "outputs: cannot ask AWS: Unable to locate credentials"
    )
