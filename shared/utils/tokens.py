"""Access tokens as Cognito issues them, verified against the issuer's public keys."""

from __future__ import annotations

import json
from typing import Any, Protocol

import jwt

from shared.utils.identity import (
    ROLE_GROUPS,
    ExpiredTokenError,
    Identity,
    InvalidTokenError,
    IssuerUnreachableError,
)

# What API Gateway holds the handshake open for is at most 29 s; fetching keys may not use that up.
_FETCH_TIMEOUT_SECONDS = 4


class SigningKeys(Protocol):
    """Where the issuer's public keys come from."""

    def get_signing_key_from_jwt(self, token: str | bytes) -> jwt.PyJWK:
        """The key that a token names in its header."""


class TokenVerifier:
    """Checks signature (RS256), iss, exp, token_use and client_id.

    See https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
    """

    def __init__(self, issuer: str, client_id: str, keys: SigningKeys | None = None) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys = keys or jwt.PyJWKClient(
            f"{issuer}/.well-known/jwks.json", timeout=_FETCH_TIMEOUT_SECONDS
        )

    def verify(self, token: str) -> Identity:
        """Whose token it is. Raises InvalidTokenError and IssuerUnreachableError."""
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                options={
                    "require": ["exp", "iss", "sub"],
                    "verify_aud": False,
                    # A token that was renewed just now may be from a clock that is a little ahead.
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWKClientConnectionError, json.JSONDecodeError) as error:
            # No JSON: of a token that would be a DecodeError, so it is the issuer's answer.
            raise IssuerUnreachableError(str(error)) from error
        except jwt.ExpiredSignatureError as error:
            raise ExpiredTokenError("expired") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidTokenError(type(error).__name__) from error
        if claims.get("token_use") != "access" or claims.get("client_id") != self._client_id:
            raise InvalidTokenError("not an access token for this client")
        groups = claims.get("cognito:groups") or []
        expires_at = int(claims["exp"]) * 1000
        return Identity(claims["sub"], ROLE_GROUPS.intersection(groups), expires_at)
