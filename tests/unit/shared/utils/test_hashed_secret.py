"""Hashed secrets: tickets of interpreters and secrets of sessions by link."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.utils import hashed_secret
from shared.utils.identifiers import RandomIdentifiers


def test_a_new_secret_matches_only_its_own_hash_and_is_not_shown() -> None:
    identifiers = RandomIdentifiers()
    ticket, other = hashed_secret.new_secret(identifiers), hashed_secret.new_secret(identifiers)

    assert hashed_secret.matches(ticket.text, ticket.hash)
    assert not hashed_secret.matches(ticket.text, other.hash)
    assert not hashed_secret.matches(ticket.hash, ticket.hash)
    assert ticket.text not in repr(ticket)
    assert ticket.hash not in repr(ticket)


def test_a_missing_secret_or_hash_never_matches() -> None:
    assert not hashed_secret.matches(None, hashed_secret.hash_of("x"))
    assert not hashed_secret.matches("x", None)
    assert not hashed_secret.matches(None, None)


@given(st.text(st.characters(), max_size=300))
def test_any_string_can_be_compared(text: str) -> None:
    assert hashed_secret.matches(text, hashed_secret.hash_of(text))
    assert not hashed_secret.matches(text, hashed_secret.hash_of(text + "x"))
