"""Issues access tokens like Cognito's to everyone, and renews them.

Authorizers verify them as on AWS: RS256 with the issuer's public keys. Claims:
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

from local.http.messages import Request, Response
from shared.utils.clock import Clock

MAX_BODY_BYTES = 64 * 1024
# As in Cognito: an hour by default, a day at most; refresh tokens last 30 days.
DEFAULT_LIFETIME_SECONDS = 3_600
MAX_LIFETIME_SECONDS = 86_400
_REFRESH_SECONDS = 30 * 86_400
_MAX_GROUPS = 100
_TARGET = "AWSCognitoIdentityProviderService.InitiateAuth"


class TokenRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A request for an access token, with a refresh token if `refresh` is set.

    A negative `expires_in` (s) issues an expired token.
    """

    sub: str
    groups: list[str] = []
    expires_in: int | None = None
    refresh: bool = False


class _InitiateAuth(msgspec.Struct, rename="pascal"):
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html"""

    client_id: str
    auth_flow: str
    auth_parameters: dict[str, str] = {}


class TokenIssuer:
    """A signing key for this run, and the endpoint that issues tokens."""

    def __init__(
        self,
        pool_id: str,
        client_id: str,
        clock: Clock,
        lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
    ) -> None:
        self._pool_id = pool_id
        self._client_id = client_id
        self._clock = clock
        self._lifetime_seconds = lifetime_seconds
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self._key_id = uuid.uuid4().hex
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        jwk |= {"kid": self._key_id, "alg": "RS256", "use": "sig"}
        self._jwks = Response.json(200, {"keys": [jwk]})
        #: Public keys by key id.
        self.keys: Mapping[str, RSAPublicKey] = {self._key_id: self._key.public_key()}
        #: The URL of the issuer; set once the server listens.
        self.url = ""

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.path == f"/{self._pool_id}/.well-known/jwks.json":
            return self._jwks if request.method == "GET" else _error(405, "only GET")
        if request.path == "/" and request.headers.get("x-amz-target") == _TARGET:
            return self._initiate_auth(request.body)
        if request.path != "/token":
            return _error(404, "expected /token or the issuer's /.well-known/jwks.json")
        if request.method != "POST":
            return _error(405, "only POST")
        return self._issue(request.body)

    def _issue(self, body: bytes) -> Response:
        try:
            request = msgspec.json.decode(body, type=TokenRequest)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return _error(400, str(error))
        fault = _find_fault(request)
        if fault is not None:
            return _error(400, fault)
        return Response.json(200, self._issued(request))

    def _issued(self, request: TokenRequest) -> dict[str, str]:
        lifetime = self._lifetime_seconds if request.expires_in is None else request.expires_in
        issued = {"token": self._token(request.sub, request.groups, lifetime)}
        if request.refresh:
            claims = {"groups": request.groups, "lifetime": lifetime, "token_use": "refresh"}
            issued["refreshToken"] = self._signed(request.sub, _REFRESH_SECONDS, claims)
        return issued

    def _initiate_auth(self, body: bytes) -> Response:
        """Renew a token with REFRESH_TOKEN_AUTH, without a new refresh token."""
        try:
            request = msgspec.json.decode(body, type=_InitiateAuth)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return _cognito_error("SerializationException", str(error))
        if request.auth_flow not in {"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"}:
            return _cognito_error(
                "InvalidParameterException", "only REFRESH_TOKEN_AUTH is supported"
            )
        try:
            claims = jwt.decode(
                request.auth_parameters.get("REFRESH_TOKEN", ""),
                self._key.public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False},
            )
        except jwt.PyJWTError:
            claims = {}
        expired = claims.get("exp", 0) <= self._clock.now_ms() // 1000
        known = claims.get("token_use") == "refresh" and request.client_id == self._client_id
        if expired or not known:
            return _cognito_error("NotAuthorizedException", "Invalid Refresh Token")
        lifetime = claims["lifetime"]
        result = {
            "AccessToken": self._token(claims["sub"], claims["groups"], lifetime),
            "ExpiresIn": lifetime,
            "TokenType": "Bearer",
        }
        return Response.json(200, {"AuthenticationResult": result, "ChallengeParameters": {}})

    def _token(self, user: str, groups: list[str], lifetime: int) -> str:
        claims: dict[str, Any] = {
            "iss": self.url,
            "client_id": self._client_id,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "username": user,
        }
        if groups:
            claims["cognito:groups"] = groups
        return self._signed(user, lifetime, claims)

    def _signed(self, user: str, lifetime: int, claims: Mapping[str, Any]) -> str:
        now = self._clock.now_ms() // 1000
        common = {
            "sub": user,
            "auth_time": now,
            "iat": now,
            "exp": now + lifetime,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(
            {**common, **claims}, self._key, algorithm="RS256", headers={"kid": self._key_id}
        )


def _find_fault(request: TokenRequest) -> str | None:
    if not request.sub or len(request.sub) > 128:
        return "sub: expected 1 to 128 characters"
    if len(request.groups) > _MAX_GROUPS or any(not group for group in request.groups):
        return f"groups: expected at most {_MAX_GROUPS} names, none of them empty"
    if abs(request.expires_in or 0) > MAX_LIFETIME_SECONDS:
        return f"expiresIn: expected at most {MAX_LIFETIME_SECONDS} seconds"
    return None


def _cognito_error(kind: str, message: str) -> Response:
    """An error of Cognito (AWS's JSON 1.1 protocol)."""
    return Response.json(400, {"__type": kind, "message": message})


def _error(status: int, message: str) -> Response:
    return Response(status, json.dumps({"message": message}).encode())
