"""Tokens are like Cognito's, and invalid requests are explained."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from local.cli import main
from local.http.messages import Request
from local.identity.cognito_issuer import TokenIssuer
from shared.utils.clock import SystemClock
from tests.helpers.doubles import ManualClock

URL = "http://127.0.0.1:1/pool"


@pytest.fixture(scope="module")
def issuer() -> TokenIssuer:
    made = TokenIssuer("pool", "client", SystemClock())
    made.url = URL
    return made


def ask(issuer: TokenIssuer, body: object, method: str = "POST") -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = issuer.handle(Request(method, "/token", (), data))
    return response.status, json.loads(response.body)


def public_key(issuer: TokenIssuer, token: str) -> Any:
    response = issuer.handle(Request("GET", "/pool/.well-known/jwks.json", (), b""))
    keys = jwt.PyJWKSet.from_dict(json.loads(response.body))
    return keys[jwt.get_unverified_header(token)["kid"]]


def test_a_token_has_the_claims_of_cognito_and_verifies_with_the_published_key(
    issuer: TokenIssuer,
) -> None:
    status, answer = ask(issuer, {"sub": "alice", "groups": ["speakers", "operators"]})
    assert status == 200

    token = answer["token"]
    claims = jwt.decode(token, public_key(issuer, token), algorithms=["RS256"], issuer=URL)
    assert claims["sub"] == "alice"
    assert claims["cognito:groups"] == ["speakers", "operators"]
    assert claims["client_id"] == "client"
    assert claims["token_use"] == "access"
    assert claims["exp"] - claims["iat"] == 3_600
    assert claims["jti"]


def test_without_groups_the_claim_is_missing_as_in_cognito(issuer: TokenIssuer) -> None:
    _, answer = ask(issuer, {"sub": "alice"})
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert "cognito:groups" not in claims


def test_a_token_can_be_issued_expired(issuer: TokenIssuer) -> None:
    _, answer = ask(issuer, {"sub": "alice", "groups": [], "expiresIn": -10})
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(
            answer["token"], public_key(issuer, answer["token"]), algorithms=["RS256"], issuer=URL
        )


def renew(issuer: TokenIssuer, **changes: Any) -> tuple[int, Any]:
    """Call InitiateAuth; `changes` are fields of the request."""
    asked = {"ClientId": "client", "AuthFlow": "REFRESH_TOKEN_AUTH", **changes}
    headers = [(b"x-amz-target", b"AWSCognitoIdentityProviderService.InitiateAuth")]
    response = issuer.handle(Request("POST", "/", headers, json.dumps(asked).encode()))
    return response.status, json.loads(response.body)


def claims_of(token: str) -> Any:
    return jwt.decode(token, options={"verify_signature": False, "verify_exp": False})


def test_the_default_lifetime_can_be_overridden_per_token() -> None:
    short = TokenIssuer("pool", "client", SystemClock(), lifetime_seconds=5)
    short.url = URL

    lasting = [
        claims["exp"] - claims["iat"]
        for body in ({"sub": "alice"}, {"sub": "alice", "expiresIn": 60})
        for claims in [claims_of(ask(short, body)[1]["token"])]
    ]
    assert lasting == [5, 60]


def test_a_refresh_token_issues_equal_access_tokens_repeatedly() -> None:
    clock = ManualClock()
    issuer = TokenIssuer("pool", "client", clock, lifetime_seconds=5)
    issuer.url = URL
    asked = {"sub": "alice", "groups": ["speakers"], "refresh": True}
    first = ask(issuer, asked)[1]

    for _ in range(3):
        clock.advance(3_600_000)
        status, answer = renew(issuer, AuthParameters={"REFRESH_TOKEN": first["refreshToken"]})
        assert status == 200
        result = answer["AuthenticationResult"]
        assert (result["ExpiresIn"], result["TokenType"]) == (5, "Bearer")
        assert "RefreshToken" not in result, "no rotation"
        claims = claims_of(result["AccessToken"])
        assert claims["cognito:groups"] == ["speakers"]
        assert claims["exp"] == clock.now_ms() // 1000 + 5
        before = claims_of(first["token"])
        assert set(claims) == set(before)
        assert claims["sub"] == before["sub"] == "alice"


def test_only_refresh_tokens_of_this_run_renew_and_only_for_30_days() -> None:
    clock = ManualClock()
    issuer, other = TokenIssuer("pool", "client", clock), TokenIssuer("pool", "client", clock)
    given = ask(issuer, {"sub": "alice", "refresh": True})[1]
    foreign = ask(other, {"sub": "alice", "refresh": True})[1]
    good = {"AuthParameters": {"REFRESH_TOKEN": given["refreshToken"]}}

    bad: list[dict[str, Any]] = [
        {"AuthParameters": {"REFRESH_TOKEN": given["token"]}},
        {"AuthParameters": {"REFRESH_TOKEN": foreign["refreshToken"]}},
        {"AuthParameters": {"REFRESH_TOKEN": "x"}},
        {"AuthParameters": {}},
        {**good, "ClientId": "another"},
    ]
    for changes in bad:
        status, answer = renew(issuer, **changes)
        assert (status, answer["__type"]) == (400, "NotAuthorizedException")
    assert renew(issuer, **good)[0] == 200
    assert renew(issuer, **good, AuthFlow="USER_SRP_AUTH")[1]["__type"] == (
        "InvalidParameterException"
    )
    assert renew(issuer, AuthFlow=7)[1]["__type"] == "SerializationException"
    clock.advance(30 * 86_400_000)
    assert renew(issuer, **good)[1]["__type"] == "NotAuthorizedException"


def test_a_refresh_token_is_not_an_access_token(issuer: TokenIssuer) -> None:
    given = ask(issuer, {"sub": "alice", "refresh": True})[1]

    assert claims_of(given["refreshToken"])["token_use"] == "refresh"
    assert "refreshToken" not in ask(issuer, {"sub": "alice"})[1]


@pytest.mark.parametrize("given", ["0", "-1", "86401", "soon"])
def test_a_lifetime_out_of_range_is_refused(capsys: pytest.CaptureFixture[str], given: str) -> None:
    with pytest.raises(SystemExit):
        main([f"--token-seconds={given}"])

    assert "--token-seconds: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "Input data was truncated"),
        (b"not json", "invalid"),
        ([], "object"),
        ({}, "sub"),
        ({"sub": 1}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 200}, "sub"),
        ({"sub": "a", "groups": "speakers"}, "groups"),
        ({"sub": "a", "groups": [1]}, "groups"),
        ({"sub": "a", "groups": [""]}, "groups"),
        ({"sub": "a", "expiresIn": "1h"}, "expiresIn"),
        ({"sub": "a", "expiresIn": 10**9}, "expiresIn"),
        ({"sub": "a", "group": ["speakers"]}, "group"),
    ],
)
def test_an_invalid_request_is_explained(issuer: TokenIssuer, body: object, named: str) -> None:
    status, answer = ask(issuer, body)
    assert status == 400
    assert named in answer["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/token", 405),
        ("POST", "/pool/.well-known/jwks.json", 405),
        ("GET", "/other/.well-known/jwks.json", 404),
        ("GET", "/", 404),
    ],
)
def test_other_requests_are_refused(
    issuer: TokenIssuer, method: str, path: str, status: int
) -> None:
    assert issuer.handle(Request(method, path, (), b"{}")).status == status
