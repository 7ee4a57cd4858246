"""The ticket by which a session's own interpreter is known: a random text without a user.

The session keeps only its SHA-256. A hash without salt is enough: the ticket has 256 random bits,
which nobody can try out.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from shared.utils.identifiers import Identifiers


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to be given to the interpreter alone; `text` must not get into a log."""

    text: str = field(repr=False)
    ticket_hash: str = field(repr=False)


def new_ticket(identifiers: Identifiers) -> NewTicket:
    """A ticket that nobody has seen."""
    text = identifiers.secret()
    return NewTicket(text, hash_of_ticket(text))


def hash_of_ticket(text: str) -> str:
    """What is kept of a ticket."""
    # Half of a surrogate pair, which JSON can spell, is no ticket, but shall not raise either.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def ticket_fits(text: str | None, ticket_hash: str | None) -> bool:
    """Whether that is the ticket of a session with this hash; how long it takes to say so does not
    depend on how much of it is right.
    """
    if text is None or ticket_hash is None:
        return False
    return hmac.compare_digest(hash_of_ticket(text), ticket_hash)
