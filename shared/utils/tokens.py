"""Verification of Cognito access tokens against the issuer's public keys."""

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

# API Gateway holds a handshake for at most 29 s; fetching keys must take far less.
_FETCH_TIMEOUT_SECONDS = 4


class SigningKeys(Protocol):
    """Source of the issuer's public keys."""

    def get_signing_key_from_jwt(self, token: str | bytes) -> jwt.PyJWK:
        """Get the key named in a token's header."""


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
        """Verify a token. Raises InvalidTokenError and IssuerUnreachableError."""
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
                    # The clock that issued a just renewed token may be slightly ahead.
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWKClientConnectionError, json.JSONDecodeError) as error:
            # The issuer's response is not JSON; a malformed token raises DecodeError instead.
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
