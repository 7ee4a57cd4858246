"""Secrets that are stored only as a hash: tickets and join secrets.

The hash needs no salt, because 256 random bits cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from shared.models.hidden_fields import repr_without
from shared.utils.identifiers import Identifiers


class NewSecret(msgspec.Struct, frozen=True):
    """A new secret and its hash. Never log `text`."""

    text: str
    hash: str

    def __repr__(self) -> str:
        return repr_without(self, "text", "hash")


def new_secret(identifiers: Identifiers) -> NewSecret:
    """Generate a secret."""
    text = identifiers.secret()
    return NewSecret(text, hash_of(text))


def hash_of(text: str) -> str:
    """Compute the SHA-256 of a secret."""
    # JSON can contain lone surrogates. They match no secret, but must not raise either.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def matches(text: str | None, stored_hash: str | None) -> bool:
    """Whether `stored_hash` is the hash of `text`, compared in constant time."""
    if text is None or stored_hash is None:
        return False
    return hmac.compare_digest(hash_of(text), stored_hash)
