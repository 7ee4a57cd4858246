"""API Gateway's JWT authorizer, for the routes of the HTTP API.

The checks, and the rule that `client_id` counts only without `aud`:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html. The form
of a refusal: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html;
AWS documents only the description of a wrong audience.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt

from local.identity.cognito_issuer import TokenIssuer
from local.template.model import JwtAuthorizer

Claims = Mapping[str, Any]

# API Gateway accepts every RSA algorithm; the local issuer signs with this one.
_ALGORITHM = "RS256"
_BEARER = "bearer "


class RefusedTokenError(Exception):
    """A missing or refused token; `challenge` is the value of the www-authenticate header."""

    def __init__(self, description: str = "") -> None:
        super().__init__(description or "no token")
        detail = f' scope="" error="invalid_token" error_description="{description}"'
        self.challenge = f"Bearer{detail if description else ''}"


class JwtVerifier:
    """Verifies tokens of the local issuer, which replaces the one at `deployed_url`."""

    def __init__(self, issuer: TokenIssuer, deployed_url: str) -> None:
        self._issuer = issuer
        self._deployed_url = deployed_url

    def claims(self, authorizer: JwtAuthorizer, header: str | None) -> Claims:
        """Return the claims of the token in `header`, with or without "Bearer ".

        Raises RefusedTokenError.
        """
        token = header or ""
        if token.lower().startswith(_BEARER):
            token = token[len(_BEARER) :]
        if not token.strip():
            raise RefusedTokenError
        if authorizer.issuer != self._deployed_url:
            raise RefusedTokenError("the token does not have a valid issuer")
        claims = self._decode(token.strip())
        audience = claims["aud"] if "aud" in claims else claims.get("client_id")
        named = audience if isinstance(audience, list) else [audience]
        if not set(authorizer.audiences).intersection(map(str, named)):
            raise RefusedTokenError("the token does not have a valid audience")
        return claims

    def _decode(self, token: str) -> Claims:
        try:
            key_id = jwt.get_unverified_header(token).get("kid", "")
            if key_id not in self._issuer.keys:
                raise RefusedTokenError("the token names no key of its issuer")
            claims: Claims = jwt.decode(
                token,
                self._issuer.keys[key_id],
                algorithms=[_ALGORITHM],
                issuer=self._issuer.url,
                options={
                    "require": ["exp"],
                    # PyJWT does not know about `client_id`; `claims` checks both.
                    "verify_aud": False,
                    # API Gateway does not check these.
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            # The description is quoted in the header.
            raise RefusedTokenError(str(error).replace('"', "'")) from error
        return claims


def as_texts(claims: Claims) -> dict[str, str]:
    """Convert claims to what functions see: every value is a text, an array is `[one two]`.

    Observed on AWS: https://github.com/floci-io/floci/pull/2011. The form of an object is
    undocumented; here it is JSON.
    """
    return {name: _text(value) for name, value in claims.items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return f"[{' '.join(_text(item) for item in value)}]"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
