"""The token by which a connection's seat is taken over: `<secret>.<connection id>`.

It names the connection, so that one read finds the row; the row keeps only the secret's SHA-256.
A hash without salt is enough: the secret has 256 random bits, which nobody can try out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from shared.utils.identifiers import Identifiers


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """A token as the service keeps it: whose seat it stands for, and the hash of its secret."""

    connection_id: str
    resume_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewResumeToken:
    """A token to be given out; `text` is secret and must not get into a log."""

    text: str = field(repr=False)
    resume_hash: str = field(repr=False)


def new_resume_token(identifiers: Identifiers, connection_id: str) -> NewResumeToken:
    """A token for the seat of that connection."""
    secret = identifiers.secret()
    return NewResumeToken(f"{secret}.{connection_id}", _hash_of(secret))


def parse_resume_token(text: str | None) -> ResumeToken | None:
    """What a token says; None if it is none: whoever brings it joins like anybody else."""
    secret, _, connection_id = (text or "").partition(".")
    if not secret or not connection_id:
        return None
    return ResumeToken(connection_id, _hash_of(secret))


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
