"""Access tokens: only the issuer's own, for this client, while they last."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.utils.tokens import Identity, InvalidTokenError, TokenVerifier

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


def test_good_token_says_who_and_which_role_groups() -> None:
    assert verifier.verify(token()) == Identity("alice", frozenset({"speakers"}))
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
def test_bad_claims_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError):
        verifier.verify(token(**changes))


def test_bad_signatures_are_refused() -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none")
    symmetric = jwt.encode(claims(), "a-secret-of-thirty-two-bytes-or-so", algorithm="HS256")
    for bad in ("", "x.y.z", token(OTHER_KEY), unsigned, symmetric, token()[:-4]):
        with pytest.raises(InvalidTokenError):
            verifier.verify(bad)
