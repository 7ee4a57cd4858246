"""The authorizer: tokens, tickets, context and allowed origins."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.data_access.table import Table
from shared.interpretation.ticket_store import TicketStore
from shared.models import schema
from shared.utils.hashed_secret import hash_of
from shared.utils.origins import is_foreign, normal_origin
from tests.helpers.database.tables import SESSIONS, dynamodb
from tests.helpers.doubles import ManualClock
from tests.helpers.fake_token_issuer import FakeTokenIssuer
from tests.helpers.world import World

ARN = "arn:aws:execute-api:eu-central-1:123456789012:api/dev/$connect"
OURS = "https://talks.example.org"
ENVIRONMENT = {"TOKEN_ISSUER": "https://issuer.example/pool", "TOKEN_CLIENT_ID": "client"}
SESSION = "golden-eagle-001"
STRANGER = {"sends": "never"}
TICKETS = {SESSION: hash_of("a ticket")}


@pytest.fixture
def book() -> FakeTokenIssuer:
    return FakeTokenIssuer(ManualClock())


def authorize(
    book: FakeTokenIssuer,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    allowed: Iterable[str] = (),
    ticket_hash: Callable[[str], str | None] = TICKETS.get,
    **event: Any,
) -> tuple[str, dict[str, str]]:
    """Return the effect and the context for a handshake."""
    with mock.patch.dict(os.environ, ENVIRONMENT):
        module = importlib.import_module("lambda.authorizer.handler")
    handler = module.build(book.verify, [normal_origin(each) for each in allowed], ticket_hash)
    made = {"methodArn": ARN, "queryStringParameters": query, "headers": headers, **event}
    policy = handler(made, None)
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Resource"] == ARN
    return statement["Effect"], policy["context"]


def test_context_holds_identity_and_expiry(book: FakeTokenIssuer) -> None:
    token = book.token("alice", "speakers", "operators", expires_at=2_000_000_000_000)

    assert authorize(book, {"token": token}) == (
        "Allow",
        {
            "userId": "alice",
            "groups": "operators,speakers",
            "tokenExpiresAt": "2000000000000",
        },
    )


def test_without_a_token_there_is_no_expiry(book: FakeTokenIssuer) -> None:
    assert authorize(book) == ("Allow", STRANGER)
    assert authorize(book, {"clientId": "a-client-id"}) == (
        "Allow",
        {"clientId": "a-client-id", **STRANGER},
    )


@pytest.mark.parametrize("query", [{"token": ""}, {"token": "unknown"}, {"clientId": "!"}])
def test_invalid_tokens_are_refused(book: FakeTokenIssuer, query: dict[str, str]) -> None:
    assert authorize(book, query) == ("Deny", {})


@pytest.mark.parametrize(
    "query",
    [
        {"ticket": "a ticket"},
        {"ticket": "a ticket", "session": ""},
        {"ticket": "a ticket", "session": "no session's form"},
        {"ticket": "a ticket", "session": "calm-otter-404"},
        {"ticket": "another", "session": SESSION},
        {"ticket": "", "session": SESSION},
        {"ticket": "x" * 5_000, "session": SESSION},
        {"ticket": "a ticket", "session": SESSION, "token": "unknown"},
    ],
)
def test_an_invalid_ticket_is_refused(book: FakeTokenIssuer, query: dict[str, str]) -> None:
    assert authorize(book, query) == ("Deny", {})


def test_a_ticket_holder_may_be_a_source(book: FakeTokenIssuer) -> None:
    assert authorize(book, {"ticket": "a ticket", "session": SESSION}) == ("Allow", {})


def test_without_a_ticket_none_is_looked_up(book: FakeTokenIssuer) -> None:
    def asked(session_id: str) -> str | None:
        raise AssertionError(session_id)

    assert authorize(book, {"session": SESSION}, ticket_hash=asked) == ("Allow", STRANGER)
    assert authorize(book, {"session": "x", "ticket": "t"}, ticket_hash=asked)[0] == "Deny"


def test_the_sessions_own_interpreter_is_admitted(book: FakeTokenIssuer, world: World) -> None:
    asked = {"engine": "aws", "languages": ["es"]}
    _, session_id = world.create_session(interpretation=asked)
    ticket = world.interpreter_starts.events[-1]["ticket"]
    _, plain = world.create_session()
    tickets = TicketStore(Table(dynamodb(), SESSIONS, schema.SESSION_ID))

    effects = [
        authorize(book, {"session": each, "ticket": ticket}, ticket_hash=tickets.hash_of)
        for each in (session_id, plain, "calm-otter-999")
    ]

    assert effects == [("Allow", {}), ("Deny", {}), ("Deny", {})]


def test_an_expired_token_is_refused(book: FakeTokenIssuer) -> None:
    assert authorize(book, {"token": book.token("alice", expires_at=1)}) == ("Deny", {})


@pytest.mark.parametrize(
    "origin",
    [OURS, "https://TALKS.example.ORG", "HTTPS://talks.example.org", f"{OURS}:443"],
)
@pytest.mark.parametrize("name", ["Origin", "origin", "ORIGIN"])
def test_a_listed_origin_is_admitted(book: FakeTokenIssuer, name: str, origin: str) -> None:
    assert authorize(book, headers={name: origin}, allowed=[OURS])[0] == "Allow"


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://talks.example.org",
        "https://talks.example.org:8443",
        "https://talks.example.org.evil.example",
        "https://evil-talks.example.org",
        "https://talks.example.org/",
        "https://talks.example.org@evil.example",
        "talks.example.org",
        "//talks.example.org",
        "https://talks.example.org, https://evil.example",
        "https://talks.example.org\n",
        "https://talks.example.org:443x",
    ],
)
def test_a_foreign_origin_is_refused(book: FakeTokenIssuer, origin: str) -> None:
    token = book.token("alice", "speakers", expires_at=2_000_000_000_000)
    foreign = {"Origin": origin}

    assert authorize(book, {"token": token}, foreign, [OURS]) == ("Deny", {})
    assert authorize(book, None, foreign, [OURS]) == ("Deny", {})
    assert authorize(book, None, foreign)[0] == "Allow", "no origins are listed"


def test_all_of_several_origins_must_be_listed(book: FakeTokenIssuer) -> None:
    both = {"Origin": [OURS, "https://evil.example"]}

    assert (
        authorize(book, headers={"Origin": OURS}, allowed=[OURS], multiValueHeaders=both)[0]
        == "Deny"
    )


def test_clients_other_than_browsers_send_no_origin(book: FakeTokenIssuer) -> None:
    assert authorize(book, headers={"Host": "evil.example"}, allowed=[OURS])[0] == "Allow"
    assert authorize(book, allowed=[OURS])[0] == "Allow"


@given(st.text())
def test_any_text_is_a_normal_origin_or_foreign(text: str) -> None:
    try:
        normal = normal_origin(text)
    except ValueError:
        assert is_foreign(text, [normal_origin(OURS)])
    else:
        assert normal_origin(normal) == normal
        assert not is_foreign(text, [normal])
