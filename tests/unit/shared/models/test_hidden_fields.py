"""Secrets and addresses are not part of a representation."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from shared.models.audio_format import AudioFormat
from shared.models.connection import Caller
from shared.models.session import Session
from shared.utils.hashed_secret import NewSecret
from shared.utils.resume_token import NewResumeToken, ResumeToken

SESSION = Session(
    "calm-otter-001",
    "alice",
    "c1",
    1,
    "en",
    "standard",
    AudioFormat(),
    created_at=1,
    max_listeners=10,
    ticket_hash="hidden",
    secret_hash="hidden",
)


def values() -> Iterator[tuple[msgspec.Struct, str]]:
    """Values with hidden fields, and the start of their representations."""
    yield SESSION, "Session(session_id='calm-otter-001', owner='alice', "
    yield Caller("c1", "alice", frozenset(), 1, 1, address="hidden"), "Caller(connection_id='c1', "
    yield NewSecret("hidden", "hidden"), "NewSecret()"
    yield NewResumeToken("hidden", "hidden"), "NewResumeToken()"
    yield ResumeToken("c1", "hidden"), "ResumeToken(connection_id='c1')"


@pytest.mark.parametrize(("value", "shown"), list(values()), ids=lambda each: type(each).__name__)
def test_hidden_fields_are_not_shown(value: msgspec.Struct, shown: str) -> None:
    assert repr(value).startswith(shown)
    assert "hidden" not in repr(value)
