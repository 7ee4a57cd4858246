"""Issues access tokens that look like Cognito's, for whoever asks.

The authorizer verifies them the same way as in AWS: RS256 against the issuer's public keys. Claims:
https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from local.http_server import Request, Response
from shared.utils.clock import Clock

MAX_BODY_BYTES = 64 * 1024
# As Cognito: an hour by default, a day at most.
_DEFAULT_LIFETIME_SECONDS = 3_600
_MAX_LIFETIME_SECONDS = 86_400
_MAX_GROUPS = 100


class TokenRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a token shall say; a negative lifetime makes one that is expired already."""

    sub: str
    groups: list[str] = []
    expires_in: int = _DEFAULT_LIFETIME_SECONDS


class TokenIssuer:
    """A signing key that lives as long as the run, and its endpoint."""

    def __init__(self, pool_id: str, client_id: str, clock: Clock) -> None:
        self._pool_id = pool_id
        self._client_id = client_id
        self._clock = clock
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self._key_id = uuid.uuid4().hex
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        jwk |= {"kid": self._key_id, "alg": "RS256", "use": "sig"}
        self._jwks = Response.json(200, {"keys": [jwk]})
        #: What tokens are verified with, by the id that they name.
        self.keys: Mapping[str, RSAPublicKey] = {self._key_id: self._key.public_key()}
        #: The issuer's URL: known once the server listens.
        self.url = ""

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.path == f"/{self._pool_id}/.well-known/jwks.json":
            return self._jwks if request.method == "GET" else _error(405, "only GET")
        if request.path != "/token":
            return _error(404, "there are /token and the issuer's /.well-known/jwks.json")
        if request.method != "POST":
            return _error(405, "only POST")
        try:
            wanted = msgspec.json.decode(request.body, type=TokenRequest)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return _error(400, str(error))
        fault = _fault(wanted)
        if fault is not None:
            return _error(400, fault)
        return Response.json(200, {"token": self._token(wanted)})

    def _token(self, wanted: TokenRequest) -> str:
        now = self._clock.now_ms() // 1000
        claims: dict[str, Any] = {
            "sub": wanted.sub,
            "iss": self.url,
            "client_id": self._client_id,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": now,
            "iat": now,
            "exp": now + wanted.expires_in,
            "jti": str(uuid.uuid4()),
            "username": wanted.sub,
        }
        if wanted.groups:
            claims["cognito:groups"] = wanted.groups
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})


def _fault(wanted: TokenRequest) -> str | None:
    if not wanted.sub or len(wanted.sub) > 128:
        return "sub: expected 1 to 128 characters"
    if len(wanted.groups) > _MAX_GROUPS or any(not group for group in wanted.groups):
        return f"groups: expected at most {_MAX_GROUPS} names, none of them empty"
    if abs(wanted.expires_in) > _MAX_LIFETIME_SECONDS:
        return f"expiresIn: expected at most {_MAX_LIFETIME_SECONDS} seconds"
    return None


def _error(status: int, message: str) -> Response:
    return Response(status, json.dumps({"message": message}).encode())
