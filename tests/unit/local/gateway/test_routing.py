"""Route selection and the interpretation of function results."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.gateway import routing
from local.gateway.integration import TIMED_OUT
from local.runtime.invocation import Outcome
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
        ('{"x": "\\ud800", "action": "say"}', "say"),
        ('{"x": ' + "[" * 50_000 + "]" * 50_000 + ', "action": "say"}', "say"),
        ('{"action": "say", "x": "\\ud800"', "$default"),
        ('{"action": "say\\ud800"}', "$default"),
    ],
)
def test_the_selected_field_names_the_route_with_default_as_fallback(body: str, key: str) -> None:
    assert route(body) == key


@given(st.text())
def test_arbitrary_text_finds_a_route(body: str) -> None:
    assert route(body) in ROUTES


def test_an_api_without_default_has_no_route_for_other_messages() -> None:
    assert route("{}", {"say": True}) is None


def test_gateway_messages_name_connection_and_request() -> None:
    assert json.loads(routing.gateway_message("Forbidden", "c=", "r=")) == {
        "message": "Forbidden",
        "connectionId": "c=",
        "requestId": "r=",
    }


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"action": 7}', "7"),
        ('{"action": true}', "true"),
        ('{"action": ["a", 1]}', "[a, 1]"),
        ('{"action": {"a": 1}}', "$default"),
        ('{"action": 1.5}', "$default"),
    ],
)
def test_selected_values_of_other_types_become_strings(body: str, key: str) -> None:
    routes = dict.fromkeys(("$default", "7", "true", "[a, 1]"), True)
    assert route(body, routes) == key


@pytest.mark.parametrize(
    ("outcome", "body"),
    [
        (result(statusCode=200, body="hello"), "hello"),
        (result(statusCode=500, body="hello"), "hello"),
        (result(statusCode=200, body="x", headers={}, isBase64Encoded=False), "x"),
        (result(statusCode=200), ""),
        (result(statusCode=200, body=None), ""),
    ],
)
def test_the_body_of_a_result_is_the_reply(outcome: Outcome, body: str) -> None:
    assert routing.route_reply(outcome) == routing.RouteReply(body)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.failure("Exception", "x"),
        result(statusCode=200, body="é" * routing.MAX_MESSAGE_BYTES),
        result(statusCode=200, body="\ud800"),
        result(statusCode=200, body={"a": 1}),
        result(statusCode=200, unknown=1),
        result(statusCode="200"),
        result(statusCode=True),
        result(body="x"),
        Outcome(b"null"),
        Outcome(b'"text"'),
        Outcome(b"{"),
    ],
)
def test_failed_malformed_and_oversized_results_are_internal_server_errors(
    outcome: Outcome,
) -> None:
    assert routing.route_reply(outcome).error == "Internal server error"


def test_an_integration_timeout_has_its_own_error() -> None:
    outcome = Outcome.failure(TIMED_OUT, "x")
    assert routing.route_reply(outcome).error == "Endpoint request timed out"


def test_a_reply_may_fill_the_message_quota() -> None:
    text = "x" * routing.MAX_MESSAGE_BYTES
    assert routing.route_reply(result(statusCode=200, body=text)).body == text


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (result(statusCode=200), 200),
        (result(statusCode=403), 403),
        (result(statusCode="200"), 502),
        (result(statusCode=True), 502),
        (result(statusCode=99), 502),
        (result(statusCode=200, Data="x"), 502),
        (result(), 502),
        (Outcome(b"null"), 502),
        (Outcome(b"{"), 502),
        (Outcome.failure("Exception", "x"), 502),
        (Outcome.failure(TIMED_OUT, "x"), 504),
    ],
)
def test_the_status_of_connect_is_the_status_of_the_handshake(
    outcome: Outcome, status: int
) -> None:
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
def test_connect_chooses_the_subprotocol_in_its_response_headers(
    headers: object, chosen: str | None
) -> None:
    assert routing.chosen_subprotocol(result(statusCode=200, headers=headers)) == chosen
