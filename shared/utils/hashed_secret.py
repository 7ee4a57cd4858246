"""Secrets that the service gives out and of which it keeps only a hash: tickets, join secrets.

A hash without salt is enough: such a secret has 256 random bits, which nobody can try out.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from shared.utils.identifiers import Identifiers


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret to be given out; `text` must not get into a log."""

    text: str = field(repr=False)
    hash: str = field(repr=False)


def new_secret(identifiers: Identifiers) -> NewSecret:
    """A secret that nobody has seen."""
    text = identifiers.secret()
    return NewSecret(text, hash_of(text))


def hash_of(text: str) -> str:
    """The SHA-256 of a secret, which is what is kept of it."""
    # Half of a surrogate pair, which JSON can spell, is no secret, but shall not raise either.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def matches(text: str | None, kept: str | None) -> bool:
    """Whether `kept` is the hash of that text. The time it takes does not depend on how much of
    the text is right.
    """
    if text is None or kept is None:
        return False
    return hmac.compare_digest(hash_of(text), kept)
