"""The events that functions get."""

from __future__ import annotations

import base64
from dataclasses import replace

import msgspec
import pytest

from local.gateway.websocket_events import (
    HandshakeRequest,
    WebSocketEventFactory,
    encode,
    is_id,
    new_id,
)
from local.template.model import IdentitySource
from tests.unit.local.stacks import stack

OPENING = HandshakeRequest(
    headers=(("Host", "example"), ("User-Agent", "test/1"), ("X-Two", "a"), ("X-Two", "b")),
    query="token=a%2Bb&lang=es&lang=fr&empty=",
    source_ip="127.0.0.1",
)
CONNECTED_AT = 1_700_000_000_000
NOW = CONNECTED_AT + 1_500


def source(handshake: HandshakeRequest = OPENING) -> WebSocketEventFactory:
    return WebSocketEventFactory(stack(), "abc=", CONNECTED_AT, handshake)


def test_every_event_says_which_connection_and_route() -> None:
    one = source()
    for event, key, kind in (
        (one.authorize(NOW), "$connect", "CONNECT"),
        (one.connect(NOW), "$connect", "CONNECT"),
        (one.message("say", "{}", "r=", NOW), "say", "MESSAGE"),
        (one.disconnect(1000, "", NOW), "$disconnect", "DISCONNECT"),
    ):
        context = event["requestContext"]
        assert context["routeKey"] == key
        assert context["eventType"] == kind
        assert context["connectionId"] == "abc="
        assert context["connectedAt"] == CONNECTED_AT
        assert context["requestTimeEpoch"] == NOW
        assert context["requestTime"] == "14/Nov/2023:22:13:21 +0000"
        assert context["extendedRequestId"] == context["requestId"]
        assert context["messageDirection"] == "IN"
        assert context["stage"] == "dev"
        assert context["apiId"] == "api"
        assert context["domainName"] == "api.execute-api.eu-central-1.amazonaws.com"
        assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "test/1"}
        assert "authorizer" not in context


def test_the_opening_has_headers_and_decoded_query_both_single_and_multiple() -> None:
    for event in (source().authorize(NOW), source().connect(NOW)):
        assert event["headers"]["X-Two"] == "b"
        assert event["multiValueHeaders"]["X-Two"] == ["a", "b"]
        assert event["queryStringParameters"] == {"token": "a+b", "lang": "fr", "empty": ""}
        assert event["multiValueQueryStringParameters"]["lang"] == ["es", "fr"]


def test_without_a_query_there_is_no_key_for_it() -> None:
    event = source(replace(OPENING, query="")).connect(NOW)
    assert "queryStringParameters" not in event
    assert "multiValueQueryStringParameters" not in event


def test_the_authorizer_is_asked_about_the_connect_route() -> None:
    event = source().authorize(NOW)
    assert event["type"] == "REQUEST"
    assert event["methodArn"] == ("arn:aws:execute-api:eu-central-1:000000000000:api/dev/$connect")


def test_a_message_has_its_body_and_no_headers() -> None:
    event = source().message("say", '{"action":"say","text":"é"}', "request=", NOW)
    assert event["body"] == '{"action":"say","text":"é"}'
    assert event["isBase64Encoded"] is False
    assert event["requestContext"]["requestId"] == "request="
    assert event["requestContext"]["messageId"] != event["requestContext"]["requestId"]
    assert "headers" not in event


def test_a_disconnect_says_how_it_ended() -> None:
    context = source().disconnect(1006, "gone", NOW)["requestContext"]
    assert context["disconnectStatusCode"] == 1006
    assert context["disconnectReason"] == "gone"


def test_the_authorizers_context_reaches_every_later_event() -> None:
    one = source()
    one.authorizer = {"userId": "alice", "principalId": "alice"}
    for event in (
        one.connect(NOW),
        one.message("say", "{}", "r=", NOW),
        one.disconnect(1000, "", NOW),
    ):
        assert event["requestContext"]["authorizer"]["userId"] == "alice"


def test_a_client_without_user_agent_has_none() -> None:
    identity = source(replace(OPENING, headers=())).connect(NOW)["requestContext"]["identity"]
    assert identity == {"sourceIp": "127.0.0.1"}


def test_events_are_encoded_as_json() -> None:
    event = source().message("say", "ü\n", "r=", NOW)
    assert msgspec.json.decode(encode(event)) == event


def test_ids_look_like_api_gateways_and_differ() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    for each in ids:
        assert len(each) == 16
        assert each.endswith("=")
        assert len(base64.urlsafe_b64decode(each)) == 11
        assert is_id(each)


@pytest.mark.parametrize("text", ["", "no id", "a" * 65, "gone!", "@connections", "é="])
def test_other_texts_are_no_ids(text: str) -> None:
    assert not is_id(text)


def test_functions_see_the_headers_of_a_proxy() -> None:
    handshake = replace(OPENING, headers=(*OPENING.headers, ("Connection", "Upgrade")))
    one = source(handshake)
    for event in (one.authorize(NOW), one.connect(NOW)):
        assert event["headers"]["X-Forwarded-For"] == "127.0.0.1"
        assert event["multiValueHeaders"]["X-Amzn-Trace-Id"][0].startswith("Root=1-")
    assert one.authorize(NOW)["headers"]["Connection"] == "Upgrade"
    assert "Connection" not in one.connect(NOW)["headers"]


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ([], True),
        ([IdentitySource("header", "x-two")], True),
        ([IdentitySource("querystring", "token")], True),
        ([IdentitySource("querystring", "empty")], False),
        ([IdentitySource("querystring", "token"), IdentitySource("header", "token")], False),
    ],
)
def test_identity_sources_must_all_be_there(sources: list[IdentitySource], found: bool) -> None:
    assert OPENING.has_identity(sources) is found
