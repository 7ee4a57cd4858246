"""Which route a message takes, and what a result means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import routing
from local.invocation import Outcome
from tests.unit.local.stacks import stack

ROUTES = {"$connect": False, "$disconnect": False, "$default": True, "say": True}


def route(body: str, routes: dict[str, bool] | None = None) -> str | None:
    found = routing.RouteTable(stack(routes or ROUTES).websocket).find(body)
    return found.key if found else None


def result(**content: object) -> Outcome:
    return Outcome(json.dumps(content).encode())


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"action": "say"}', "say"),
        ('{"other": 1, "action": "say", "more": {"action": "x"}}', "say"),
        ('{"action": "unknown"}', "$default"),
        ('{"action": "$connect"}', "$default"),
        ('{"action": "$default"}', "$default"),
        ('{"action": 1}', "$default"),
        ('{"action": null}', "$default"),
        ('{"action": ["say"]}', "$default"),
        ("{}", "$default"),
        ("[]", "$default"),
        ('"say"', "$default"),
        ("", "$default"),
        ("not json", "$default"),
        ('{"action": "say"', "$default"),
        ("[" * 50_000, "$default"),
    ],
)
def test_the_selected_field_names_the_route_or_default_takes_it(body: str, key: str) -> None:
    assert route(body) == key


@given(st.text())
def test_any_text_finds_some_route(body: str) -> None:
    assert route(body) in ROUTES


def test_without_default_nothing_takes_it() -> None:
    assert route("{}", {"say": True}) is None


def test_gateway_messages_name_connection_and_request() -> None:
    assert json.loads(routing.gateway_message("Forbidden", "c=", "r=")) == {
        "message": "Forbidden",
        "connectionId": "c=",
        "requestId": "r=",
    }


@pytest.mark.parametrize(
    ("outcome", "body"),
    [
        (result(statusCode=200, body="hello"), "hello"),
        (result(statusCode=200), None),
        (result(statusCode=200, body=None), None),
        (result(statusCode=200, body={"a": 1}), None),
        (result(statusCode=500, body="hello"), None),
        (Outcome(b"null"), None),
        (Outcome(b'"text"'), None),
        (Outcome(b"{"), None),
    ],
)
def test_only_the_body_of_a_200_is_a_reply(outcome: Outcome, body: str | None) -> None:
    answer = routing.answer(outcome)
    assert answer.body == body
    assert answer is not routing.FAILURE


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.failure("Exception", "x"),
        result(statusCode=200, body="é" * routing.MAX_MESSAGE_BYTES),
        result(statusCode=200, body="\ud800"),
    ],
)
def test_errors_and_bodies_that_no_frame_can_carry_are_failures(outcome: Outcome) -> None:
    assert routing.answer(outcome) is routing.FAILURE


def test_a_reply_may_be_as_long_as_the_quota() -> None:
    text = "x" * routing.MAX_MESSAGE_BYTES
    assert routing.answer(result(statusCode=200, body=text)).body == text


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (result(statusCode=200), 200),
        (result(statusCode=403), 403),
        (result(statusCode="200"), 502),
        (result(statusCode=True), 502),
        (result(statusCode=99), 502),
        (result(), 502),
        (Outcome(b"null"), 502),
        (Outcome.failure("Exception", "x"), 502),
    ],
)
def test_connects_status_is_the_handshakes(outcome: Outcome, status: int) -> None:
    assert routing.connect_status(outcome) == status


@pytest.mark.parametrize(
    ("headers", "chosen"),
    [
        ({"Sec-WebSocket-Protocol": "v1"}, "v1"),
        ({"sec-websocket-protocol": "v1"}, "v1"),
        ({"Other": "v1"}, None),
        ({"Sec-WebSocket-Protocol": 1}, None),
        (None, None),
        ("text", None),
    ],
)
def test_a_subprotocol_is_chosen_in_the_response_headers(
    headers: object, chosen: str | None
) -> None:
    assert routing.chosen_subprotocol(result(statusCode=200, headers=headers)) == chosen
