"""Events of WebSocket APIs for Lambda functions."""

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

HANDSHAKE = HandshakeRequest(
    headers=(("Host", "example"), ("User-Agent", "test/1"), ("X-Two", "a"), ("X-Two", "b")),
    query="token=a%2Bb&lang=es&lang=fr&empty=",
    source_ip="127.0.0.1",
)
CONNECTED_AT = 1_700_000_000_000
NOW = CONNECTED_AT + 1_500


def make_factory(handshake: HandshakeRequest = HANDSHAKE) -> WebSocketEventFactory:
    return WebSocketEventFactory(stack(), "abc=", CONNECTED_AT, handshake)


def test_every_event_names_its_connection_and_route() -> None:
    factory = make_factory()
    for event, key, kind in (
        (factory.authorize(NOW), "$connect", "CONNECT"),
        (factory.connect(NOW), "$connect", "CONNECT"),
        (factory.message("say", "{}", "r=", NOW), "say", "MESSAGE"),
        (factory.disconnect(1000, "", NOW), "$disconnect", "DISCONNECT"),
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


def test_handshake_events_have_single_and_multi_value_headers_and_parameters() -> None:
    for event in (make_factory().authorize(NOW), make_factory().connect(NOW)):
        assert event["headers"]["X-Two"] == "b"
        assert event["multiValueHeaders"]["X-Two"] == ["a", "b"]
        assert event["queryStringParameters"] == {"token": "a+b", "lang": "fr", "empty": ""}
        assert event["multiValueQueryStringParameters"]["lang"] == ["es", "fr"]


def test_an_event_without_query_string_omits_the_parameters() -> None:
    event = make_factory(replace(HANDSHAKE, query="")).connect(NOW)
    assert "queryStringParameters" not in event
    assert "multiValueQueryStringParameters" not in event


def test_the_authorizer_event_names_the_connect_route() -> None:
    event = make_factory().authorize(NOW)
    assert event["type"] == "REQUEST"
    assert event["methodArn"] == ("arn:aws:execute-api:eu-central-1:000000000000:api/dev/$connect")


def test_a_message_has_its_body_and_no_headers() -> None:
    event = make_factory().message("say", '{"action":"say","text":"é"}', "request=", NOW)
    assert event["body"] == '{"action":"say","text":"é"}'
    assert event["isBase64Encoded"] is False
    assert event["requestContext"]["requestId"] == "request="
    assert event["requestContext"]["messageId"] != event["requestContext"]["requestId"]
    assert "headers" not in event


def test_a_disconnect_event_has_status_and_reason() -> None:
    context = make_factory().disconnect(1006, "gone", NOW)["requestContext"]
    assert context["disconnectStatusCode"] == 1006
    assert context["disconnectReason"] == "gone"


def test_the_authorizers_context_is_in_every_later_event() -> None:
    factory = make_factory()
    factory.authorizer = {"userId": "alice", "principalId": "alice"}
    for event in (
        factory.connect(NOW),
        factory.message("say", "{}", "r=", NOW),
        factory.disconnect(1000, "", NOW),
    ):
        assert event["requestContext"]["authorizer"]["userId"] == "alice"


def test_the_identity_omits_a_missing_user_agent() -> None:
    context = make_factory(replace(HANDSHAKE, headers=())).connect(NOW)["requestContext"]
    assert context["identity"] == {"sourceIp": "127.0.0.1"}


def test_events_are_encoded_as_json() -> None:
    event = make_factory().message("say", "ü\n", "r=", NOW)
    assert msgspec.json.decode(encode(event)) == event


def test_ids_have_api_gateways_format_and_are_unique() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    for each in ids:
        assert len(each) == 16
        assert each.endswith("=")
        assert len(base64.urlsafe_b64decode(each)) == 11
        assert is_id(each)


@pytest.mark.parametrize("text", ["", "no id", "a" * 65, "gone!", "@connections", "é="])
def test_text_in_another_format_is_not_an_id(text: str) -> None:
    assert not is_id(text)


def test_events_have_proxy_headers_and_connect_omits_hop_by_hop_headers() -> None:
    handshake = replace(HANDSHAKE, headers=(*HANDSHAKE.headers, ("Connection", "Upgrade")))
    factory = make_factory(handshake)
    for event in (factory.authorize(NOW), factory.connect(NOW)):
        assert event["headers"]["X-Forwarded-For"] == "127.0.0.1"
        assert event["multiValueHeaders"]["X-Amzn-Trace-Id"][0].startswith("Root=1-")
    assert factory.authorize(NOW)["headers"]["Connection"] == "Upgrade"
    assert "Connection" not in factory.connect(NOW)["headers"]


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
def test_all_identity_sources_must_be_present(sources: list[IdentitySource], found: bool) -> None:
    assert HANDSHAKE.has_identity(sources) is found
