"""Tickets: what is kept of them, and what fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.interpretation.ticket import hash_of_ticket, new_ticket, ticket_fits
from shared.utils.identifiers import RandomIdentifiers


def test_a_new_ticket_fits_its_own_hash_alone_and_is_not_shown() -> None:
    identifiers = RandomIdentifiers()
    ticket, other = new_ticket(identifiers), new_ticket(identifiers)

    assert ticket_fits(ticket.text, ticket.ticket_hash)
    assert not ticket_fits(ticket.text, other.ticket_hash)
    assert not ticket_fits(ticket.ticket_hash, ticket.ticket_hash)
    assert ticket.text not in repr(ticket)
    assert ticket.ticket_hash not in repr(ticket)


def test_neither_no_ticket_nor_a_session_without_one_fits() -> None:
    assert not ticket_fits(None, hash_of_ticket("x"))
    assert not ticket_fits("x", None)
    assert not ticket_fits(None, None)


@given(st.text(st.characters(), max_size=300))
def test_whatever_text_comes_is_compared(text: str) -> None:
    assert ticket_fits(text, hash_of_ticket(text))
    assert not ticket_fits(text, hash_of_ticket(text + "x"))
