"""Users, groups and the client that signs them in."""

from __future__ import annotations

from shared.utils.identity import ROLE_GROUPS
from tests.infrastructure.assembly import Assembly


def test_the_groups_are_those_of_the_permissions(assembly: Assembly) -> None:
    groups = assembly.of_type("AWS::Cognito::UserPoolGroup").values()

    assert {group["GroupName"] for group in groups} == ROLE_GROUPS
    assert {group["UserPoolId"] for group in groups} == {"<UserPool>"}


def test_users_cannot_sign_up(assembly: Assembly) -> None:
    pool = assembly.only("AWS::Cognito::UserPool")

    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_the_client_has_no_secret_and_no_hosted_sign_in(assembly: Assembly) -> None:
    client = assembly.only("AWS::Cognito::UserPoolClient")

    assert client["GenerateSecret"] is False
    assert "AllowedOAuthFlows" not in client
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_tokens_last_a_day_and_are_renewed_for_a_month(assembly: Assembly) -> None:
    client = assembly.only("AWS::Cognito::UserPoolClient")

    assert client["AccessTokenValidity"] == 12
    assert client["RefreshTokenValidity"] == 30
    assert client["TokenValidityUnits"] == {"AccessToken": "hours", "RefreshToken": "days"}
    assert client["EnableTokenRevocation"] is True
    # Renewal by InitiateAuth needs both.
    assert client["RefreshTokenRotation"] == {"Feature": "DISABLED"}
    assert "ALLOW_REFRESH_TOKEN_AUTH" in client["ExplicitAuthFlows"]


def test_control_verifies_renewed_tokens_as_the_authorizer_does(assembly: Assembly) -> None:
    names = ("TOKEN_ISSUER", "TOKEN_CLIENT_ID")
    of = {
        name: assembly.function(name)["Environment"]["Variables"]
        for name in ("control", "authorizer")
    }

    for name in names:
        assert of["control"][name] == of["authorizer"][name]


def test_the_authorizer_trusts_this_pool_and_this_client(assembly: Assembly) -> None:
    variables = assembly.function("authorizer")["Environment"]["Variables"]

    assert variables["TOKEN_ISSUER"] == "<UserPool.ProviderURL>"
    assert variables["TOKEN_CLIENT_ID"] == "<UserPoolClient>"
