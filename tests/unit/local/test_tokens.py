"""Tokens are what Cognito would issue, and wrong requests are told why."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from local.http_server import Request
from local.tokens import TokenIssuer
from shared.utils.clock import SystemClock

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


def test_a_token_verifies_with_the_published_key_and_has_cognitos_claims(
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


def test_a_token_may_be_expired_from_the_start(issuer: TokenIssuer) -> None:
    _, answer = ask(issuer, {"sub": "alice", "groups": [], "expiresIn": -10})
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(
            answer["token"], public_key(issuer, answer["token"]), algorithms=["RS256"], issuer=URL
        )


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
def test_a_wrong_request_is_told_why(issuer: TokenIssuer, body: object, named: str) -> None:
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
