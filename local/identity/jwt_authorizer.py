"""API Gateway's JWT authorizer: whether a token lets a request of the HTTP API in.

What is checked, and that `client_id` counts only without `aud`:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html. How a
refusal looks: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html;
of its descriptions only that of the audience is documented.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from local.identity.cognito_issuer import TokenIssuer
from local.template.model import JwtAuthorizer
from shared.utils.clock import Clock

Claims = Mapping[str, Any]

# API Gateway takes any of RSA's; the issuer here signs with this one.
_ALGORITHM = "RS256"
_BEARER = "bearer "


class RefusedTokenError(Exception):
    """No token, or none that lets in; `challenge` is the value of the header www-authenticate."""

    def __init__(self, description: str = "") -> None:
        super().__init__(description or "no token")
        detail = f' scope="" error="invalid_token" error_description="{description}"'
        self.challenge = f"Bearer{detail if description else ''}"


class JwtVerifier:
    """Verifies tokens of this machine's issuer, in place of the deployed one."""

    def __init__(self, issuer: TokenIssuer, deployed_url: str, clock: Clock) -> None:
        self._issuer = issuer
        self._deployed_url = deployed_url
        self._clock = clock

    def claims(self, authorizer: JwtAuthorizer, header: str | None) -> Claims:
        """The claims of the token in the header Authorization, with or without "Bearer ".

        Raises RefusedTokenError.
        """
        token = header or ""
        if token.lower().startswith(_BEARER):
            token = token[len(_BEARER) :]
        if not token.strip():
            raise RefusedTokenError
        claims = _signed(token.strip(), self._issuer.keys)
        if authorizer.issuer != self._deployed_url or claims.get("iss") != self._issuer.url:
            raise RefusedTokenError("the token does not have a valid issuer")
        audience = claims["aud"] if "aud" in claims else claims.get("client_id")
        named = audience if isinstance(audience, list) else [audience]
        if not set(authorizer.audiences).intersection(map(str, named)):
            raise RefusedTokenError("the token does not have a valid audience")
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Claims) -> None:
        now = self._clock.now_ms() / 1000
        if _seconds(claims, "exp", 0.0) <= now:
            raise RefusedTokenError("the token has expired")
        for name in ("nbf", "iat"):
            if _seconds(claims, name, now) > now:
                raise RefusedTokenError(f"the token is not valid yet: {name}")


def _signed(token: str, keys: Mapping[str, RSAPublicKey]) -> Claims:
    """What a token says that is signed with the key that it names."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != _ALGORITHM:
            raise RefusedTokenError("signing method is invalid")
        key = keys.get(header.get("kid", ""))
        if key is None:
            raise RefusedTokenError("the token names no key of its issuer")
        claims = json.loads(jwt.PyJWS().decode(token, key, algorithms=[_ALGORITHM]))
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise RefusedTokenError("the token is malformed or its signature is wrong") from error
    if not isinstance(claims, dict):
        raise RefusedTokenError("the token has no claims")
    return claims


def _seconds(claims: Claims, name: str, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RefusedTokenError(f"the token's {name} is no time")
    return float(value)


def as_texts(claims: Claims) -> dict[str, str]:
    """The claims as functions see them: every value is a text, an array `[one two]`.

    Seen on AWS: https://github.com/floci-io/floci/pull/2011. What an object looks like, nobody
    says; here it is JSON.
    """
    return {name: _text(value) for name, value in claims.items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return f"[{' '.join(_text(item) for item in value)}]"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
