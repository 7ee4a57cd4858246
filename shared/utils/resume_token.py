"""Resume token for the takeover of a seat: `<secret>.<connection id>`.

It names the connection, so that one read finds the row. The row has only the secret's SHA-256; it
needs no salt, because 256 random bits cannot be guessed.
"""

from __future__ import annotations

import hashlib

import msgspec

from shared.models.hidden_fields import repr_without
from shared.utils.identifiers import Identifiers


class ResumeToken(msgspec.Struct, frozen=True):
    """A parsed token: the connection whose seat it is for, and the hash of its secret."""

    connection_id: str
    resume_hash: str

    def __repr__(self) -> str:
        return repr_without(self, "resume_hash")


class NewResumeToken(msgspec.Struct, frozen=True):
    """A new token and the hash of its secret. Never log `text`."""

    text: str
    resume_hash: str

    def __repr__(self) -> str:
        return repr_without(self, "text", "resume_hash")


def new_resume_token(identifiers: Identifiers, connection_id: str) -> NewResumeToken:
    """Generate a token for the seat of a connection."""
    secret = identifiers.secret()
    return NewResumeToken(f"{secret}.{connection_id}", _hash_of(secret))


def parse_resume_token(text: str | None) -> ResumeToken | None:
    """Parse a token. None if it is malformed: the client then joins as a new one."""
    secret, _, connection_id = (text or "").partition(".")
    if not secret or not connection_id:
        return None
    return ResumeToken(connection_id, _hash_of(secret))


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
