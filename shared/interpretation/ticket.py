"""The ticket by which a session's own interpreter is known: a secret without a user."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.utils import hashed_secret
from shared.utils.identifiers import Identifiers


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to be given to the interpreter alone; `text` must not get into a log."""

    text: str = field(repr=False)
    ticket_hash: str = field(repr=False)


def new_ticket(identifiers: Identifiers) -> NewTicket:
    """A ticket that nobody has seen."""
    secret = hashed_secret.new_secret(identifiers)
    return NewTicket(secret.text, secret.hash)


def hash_of_ticket(text: str) -> str:
    """What is kept of a ticket."""
    return hashed_secret.hash_of(text)


def ticket_fits(text: str | None, ticket_hash: str | None) -> bool:
    """Whether that is the ticket of a session with this hash, compared in constant time."""
    return hashed_secret.fits(text, ticket_hash)
