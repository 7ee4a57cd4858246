"""Access tokens: only the issuer's, for this client, until they expire."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.utils.identity import (
    ExpiredTokenError,
    Identity,
    InvalidTokenError,
    IssuerUnreachableError,
)
from shared.utils.tokens import TokenVerifier

ISSUER = "https://issuer.example/pool"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OneKey:
    """Signing keys without a network."""

    def get_signing_key_from_jwt(self, token: str | bytes) -> jwt.PyJWK:
        jwt.get_unverified_header(token)
        return jwt.PyJWK(
            {**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "alg": "RS256"}
        )


verifier = TokenVerifier(ISSUER, "client", OneKey())


def claims(**changes: Any) -> dict[str, Any]:
    base = {
        "sub": "alice",
        "iss": ISSUER,
        "client_id": "client",
        "token_use": "access",
        "exp": int(time.time()) + 600,
        "cognito:groups": changes.pop("groups", ["speakers", "chess-club"]),
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def token(key: rsa.RSAPrivateKey = KEY, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm="RS256")


def test_a_valid_token_gives_user_and_role_groups() -> None:
    exp = int(time.time()) + 600
    assert verifier.verify(token(exp=exp)) == Identity("alice", frozenset({"speakers"}), exp * 1000)
    assert verifier.verify(token(groups=None)).groups == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"client_id": "other"},
        {"client_id": None},
        {"token_use": "id"},
        {"exp": int(time.time()) - 10},
        {"exp": None},
        {"sub": None},
    ],
)
def test_invalid_claims_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError):
        verifier.verify(token(**changes))


def test_a_token_from_a_clock_slightly_ahead_is_accepted() -> None:
    assert verifier.verify(token(iat=int(time.time()) + 30)).user_id == "alice"


def test_an_expired_token_has_its_own_error() -> None:
    with pytest.raises(ExpiredTokenError):
        verifier.verify(token(exp=int(time.time()) - 10))
    with pytest.raises(InvalidTokenError) as forged:
        verifier.verify(token(OTHER_KEY, exp=int(time.time()) - 10))
    assert not isinstance(forged.value, ExpiredTokenError)


def test_any_malformed_token_is_invalid() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    for odd in ("a.b", "....", "\ud800.x.y", f"{deep}.x.y", "\0", "é.é.é"):
        with pytest.raises(InvalidTokenError):
            verifier.verify(odd)


@pytest.mark.parametrize(
    "fault", [jwt.PyJWKClientConnectionError("down"), json.JSONDecodeError("no JSON", "<html>", 0)]
)
def test_an_unreachable_issuer_does_not_make_the_token_invalid(fault: Exception) -> None:
    class Down:
        def get_signing_key_from_jwt(self, token: str | bytes) -> jwt.PyJWK:
            raise fault

    with pytest.raises(IssuerUnreachableError):
        TokenVerifier(ISSUER, "client", Down()).verify(token())


def test_invalid_signatures_are_refused() -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none")
    symmetric = jwt.encode(claims(), "a-secret-of-thirty-two-bytes-or-so", algorithm="HS256")
    for bad in ("", "x.y.z", token(OTHER_KEY), unsigned, symmetric, token()[:-4]):
        with pytest.raises(InvalidTokenError):
            verifier.verify(bad)
