"""Access tokens as Cognito issues them, verified against the issuer's public keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jwt

# The groups that give a right; others are not passed on.
ROLE_GROUPS = frozenset({"speakers", "interpreters", "operators"})
# What API Gateway holds the handshake open for is at most 29 s; fetching keys may not use that up.
_FETCH_TIMEOUT_SECONDS = 4


class InvalidTokenError(Exception):
    """The token is malformed, expired, of another issuer or for another client."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for."""

    user_id: str
    groups: frozenset[str]


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
        """Whose token it is. Raises InvalidTokenError; PyJWKClientConnectionError if the issuer's
        keys cannot be fetched, which says nothing about the token.
        """
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                options={"require": ["exp", "iss", "sub"], "verify_aud": False},
            )
        except jwt.PyJWKClientConnectionError:
            raise
        except jwt.PyJWTError as error:
            raise InvalidTokenError(type(error).__name__) from error
        if claims.get("token_use") != "access" or claims.get("client_id") != self._client_id:
            raise InvalidTokenError("not an access token for this client")
        groups = claims.get("cognito:groups") or []
        return Identity(claims["sub"], ROLE_GROUPS.intersection(groups))
