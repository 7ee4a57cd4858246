"""Users and outputs of a deployed stage, against botocore's stubs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from client.errors import TokenError
from client.tokens.file import TokenFile
from infrastructure.commands import outputs, users
from infrastructure.commands.outputs import outputs_of
from infrastructure.commands.users import Users
from infrastructure.stage.config import ConfigError
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
    """A stubbed client that rejects unexpected calls and unknown parameters."""
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


def test_an_existing_user_gets_a_password_and_a_group(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_client_error("admin_create_user", "UsernameExistsException")
    expect_password_and_group(stubber)

    Users(made, OUTPUTS, lambda _prompt: PASSWORD).create(EMAIL, "speakers")


def test_a_token_is_issued_by_a_flow_that_the_client_allows(
    cognito: tuple[Any, Stubber], assembly: Assembly
) -> None:
    made, stubber = cognito
    stubber.add_response("initiate_auth", SIGNED_IN, AUTH)

    assert Users(made, OUTPUTS, lambda _prompt: PASSWORD).token(EMAIL) == "a.b.c"
    flows = assembly.only("AWS::Cognito::UserPoolClient")["ExplicitAuthFlows"]
    assert f"ALLOW_{AUTH['AuthFlow']}" in flows


SUB = "d3b0a7c2-user"
CHALLENGE = {
    "ChallengeName": "SOFTWARE_TOKEN_MFA",
    "Session": "s" * 20,
    # Cognito also names it if the user signs in with an alias.
    "ChallengeParameters": {"USER_ID_FOR_SRP": SUB},
}


def challenge_response(challenge: str, session: str, **responses: str) -> dict[str, Any]:
    return {
        "ClientId": APP,
        "ChallengeName": challenge,
        "Session": session,
        "ChallengeResponses": responses,
    }


def test_a_second_factor_is_answered_with_the_users_own_name(
    cognito: tuple[Any, Stubber],
) -> None:
    made, stubber = cognito
    stubber.add_response("initiate_auth", CHALLENGE, AUTH)
    stubber.add_response(
        "respond_to_auth_challenge",
        SIGNED_IN,
        challenge_response(
            "SOFTWARE_TOKEN_MFA", "s" * 20, USERNAME=SUB, SOFTWARE_TOKEN_MFA_CODE="123456"
        ),
    )
    secrets = iter([PASSWORD, "123456"])

    assert Users(made, OUTPUTS, lambda _prompt: next(secrets)).token(EMAIL) == "a.b.c"


def test_a_wrong_code_can_be_retried_a_few_times(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_response("initiate_auth", CHALLENGE, AUTH)
    for code in ("000001", "000002", "000003"):
        stubber.add_client_error(
            "respond_to_auth_challenge",
            "CodeMismatchException",
            expected_params=challenge_response(
                "SOFTWARE_TOKEN_MFA", "s" * 20, USERNAME=SUB, SOFTWARE_TOKEN_MFA_CODE=code
            ),
        )
    secrets = iter([PASSWORD, "000001", "000002", "000003"])
    messages: list[str] = []

    with pytest.raises(ClientError, match="CodeMismatchException"):
        Users(made, OUTPUTS, lambda _prompt: next(secrets), messages.append).token(EMAIL)
    assert messages == ["wrong code; enter the next one that the app shows"] * 2


def test_a_user_can_be_given_an_authenticator_app(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_client_error("admin_create_user", "UsernameExistsException")
    expect_password_and_group(stubber)
    stubber.add_response("initiate_auth", SIGNED_IN, AUTH)
    stubber.add_response(
        "associate_software_token", {"SecretCode": "KEYKEYKEYKEYKEYK"}, {"AccessToken": "a.b.c"}
    )
    stubber.add_response(
        "verify_software_token",
        {"Status": "SUCCESS"},
        {"AccessToken": "a.b.c", "UserCode": "123456"},
    )
    stubber.add_response(
        "set_user_mfa_preference",
        {},
        {
            "AccessToken": "a.b.c",
            "SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True},
        },
    )
    secrets = iter([PASSWORD, "123456"])
    messages: list[str] = []

    Users(made, OUTPUTS, lambda _prompt: next(secrets), messages.append).create(
        EMAIL, "speakers", mfa=True
    )

    assert "otpauth://totp/Lingocast%3Aada%40example.org?secret=KEYKEYKEYKEYKEYK" in messages[0]


def test_a_required_second_factor_is_set_up_at_the_first_sign_in(
    cognito: tuple[Any, Stubber],
) -> None:
    made, stubber = cognito
    set_up = {**CHALLENGE, "ChallengeName": "MFA_SETUP"}
    stubber.add_response("initiate_auth", set_up, AUTH)
    stubber.add_response(
        "associate_software_token",
        {"SecretCode": "KEYKEYKEYKEYKEYK", "Session": "t" * 20},
        {"Session": "s" * 20},
    )
    stubber.add_response(
        "verify_software_token",
        {"Status": "SUCCESS", "Session": "u" * 20},
        {"Session": "t" * 20, "UserCode": "123456"},
    )
    stubber.add_response(
        "respond_to_auth_challenge",
        SIGNED_IN,
        challenge_response("MFA_SETUP", "u" * 20, USERNAME=SUB),
    )
    secrets = iter([PASSWORD, "123456"])

    assert Users(made, OUTPUTS, lambda _: next(secrets), lambda _: None).token(EMAIL) == "a.b.c"


def test_endless_challenges_are_reported(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_response("initiate_auth", CHALLENGE, AUTH)
    for _ in range(3):
        stubber.add_response("respond_to_auth_challenge", CHALLENGE)
    secrets = iter([PASSWORD, "1", "2", "3"])

    with pytest.raises(ConfigError, match="keeps sending the challenge SOFTWARE_TOKEN_MFA"):
        Users(made, OUTPUTS, lambda _prompt: next(secrets)).token(EMAIL)


def test_an_unsupported_challenge_is_named(cognito: tuple[Any, Stubber]) -> None:
    made, stubber = cognito
    stubber.add_response("initiate_auth", {"ChallengeName": "NEW_PASSWORD_REQUIRED"}, AUTH)

    with pytest.raises(ConfigError, match="asks for NEW_PASSWORD_REQUIRED"):
        Users(made, OUTPUTS, lambda _prompt: PASSWORD).token(EMAIL)


REFRESH = {
    "ClientId": APP,
    "AuthFlow": "REFRESH_TOKEN_AUTH",
    "AuthParameters": {"REFRESH_TOKEN": "refresh"},
}
SIGNED_IN_FOR_LONG = {
    "AuthenticationResult": {"AccessToken": "a.b.c", "RefreshToken": "refresh"},
}
RENEWED = {"AuthenticationResult": {"AccessToken": "d.e.f"}}


def fail_on_prompt(prompt: str) -> str:
    raise AssertionError(prompt)


def test_a_token_file_renews_the_token_without_the_password(
    cognito: tuple[Any, Stubber], tmp_path: Path
) -> None:
    made, stubber = cognito
    path, messages = tmp_path / "ada.json", list[str]()
    stubber.add_response("initiate_auth", SIGNED_IN_FOR_LONG, AUTH)
    stubber.add_response("initiate_auth", RENEWED, REFRESH)

    signing_in = Users(made, OUTPUTS, lambda _prompt: PASSWORD, messages.append)
    assert signing_in.token(EMAIL, path) == "a.b.c"
    assert Users(made, OUTPUTS, fail_on_prompt).token(EMAIL, path) == "d.e.f"

    assert path.stat().st_mode & 0o777 == 0o600
    kept = TokenFile.load(path)
    assert kept.endpoint == "https://cognito-idp.eu-central-1.amazonaws.com/"
    assert (kept.client_id, kept.refresh_token, kept.user) == (APP, "refresh", EMAIL)
    assert messages == [f"{path} renews the token for 30 days; keep it secret"]


def test_an_expired_token_file_is_replaced_after_signing_in(
    cognito: tuple[Any, Stubber], tmp_path: Path
) -> None:
    made, stubber = cognito
    path = tmp_path / "ada.json"
    kept = TokenFile(
        endpoint="https://cognito-idp.eu-central-1.amazonaws.com/",
        client_id=APP,
        refresh_token="refresh",
        user=EMAIL,
    )
    kept.save(path)
    stubber.add_client_error("initiate_auth", "NotAuthorizedException", expected_params=REFRESH)
    newer = {"AuthenticationResult": {"AccessToken": "a.b.c", "RefreshToken": "newer"}}
    stubber.add_response("initiate_auth", newer, AUTH)

    users = Users(made, OUTPUTS, lambda _prompt: PASSWORD, lambda _: None)
    assert users.token(EMAIL, path) == "a.b.c"
    assert TokenFile.load(path) == kept.with_refresh_token("newer")


@pytest.mark.parametrize(
    "changes", [{"user": "eve@example.org"}, {"client_id": "another"}, {"endpoint": "http://x/"}]
)
def test_another_users_token_file_is_left_unchanged(
    cognito: tuple[Any, Stubber], tmp_path: Path, changes: dict[str, str]
) -> None:
    made, _ = cognito
    path = tmp_path / "ada.json"
    fields = {"endpoint": "https://x/", "client_id": APP, "refresh_token": "r", "user": EMAIL}
    TokenFile(**{**fields, **changes}).save(path)
    before = path.read_bytes()

    with pytest.raises(TokenError, match=str(path)):
        Users(made, OUTPUTS, fail_on_prompt).token(EMAIL, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--email", EMAIL, "--group", "listeners"],
        ["create", "--email", "", "--group", "speakers"],
        ["token", "--email", EMAIL, "--stage", "staging"],
    ],
)
def test_wrong_arguments_are_reported(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        users.main(arguments)


def test_outputs_come_from_the_stages_stack() -> None:
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


def test_a_stage_that_is_not_deployed_is_reported_with_a_remedy() -> None:
    made = SESSION.client("cloudformation")
    with Stubber(made) as stubber:
        stubber.add_client_error("describe_stacks", "ValidationError", "does not exist")

        with pytest.raises(ConfigError, match=r"no stack lingocast-prod .*`make deploy`"):
            outputs_of("prod", made)


def test_missing_credentials_and_region_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # boto3 caches credentials that it found before.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)

    assert outputs.main([]) == 1
    assert (
        capsys.readouterr().err.strip() == "outputs: cannot reach AWS: You must specify a region."
    )

    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert outputs.main([]) == 1
    assert (
        capsys.readouterr().err.strip() == "outputs: cannot reach AWS: Unable to locate credentials"
    )
