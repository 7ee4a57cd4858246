"""Events: presence and type of every field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.conformance.catalogue import Confidence, behaviour
from tests.conformance.driver import Api

_EVENTS = "apigateway-websocket-api-integration-requests"
_ID = re.compile(r"[A-Za-z0-9_-]{15}=")
_MESSAGES_SEEN = "https://github.com/aws/aws-lambda-java-libs/issues/71"

# Fields of every event: the pattern or the type of each value.
_CONTEXT: dict[str, object] = {
    "routeKey": str,
    "eventType": re.compile("CONNECT|MESSAGE|DISCONNECT"),
    "extendedRequestId": _ID,
    "requestTime": re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"),
    "messageDirection": re.compile("IN"),
    "stage": str,
    "connectedAt": int,
    "requestTimeEpoch": int,
    "identity": dict,
    "requestId": _ID,
    "domainName": str,
    "connectionId": _ID,
    "apiId": str,
    "authorizer": dict,
}


def assert_shape(value: Mapping[str, Any], shape: Mapping[str, object]) -> None:
    """Check that `value` has exactly the fields of `shape`; null counts as absent."""
    present = {key: item for key, item in value.items() if item is not None}
    assert present.keys() == shape.keys()
    for key, expected in shape.items():
        if isinstance(expected, re.Pattern):
            assert expected.fullmatch(present[key]), f"{key}: {present[key]!r}"
        else:
            assert type(present[key]) is expected, f"{key}: {present[key]!r}"


@behaviour(
    "CONNECT event",
    "Headers and query parameters, single-value and multi-value; requestContext; isBase64Encoded; "
    "no body",
    _EVENTS,
)
async def test_the_event_of_connect(probe: Api) -> None:
    observer, _ = await probe.connect_observed(x="1")
    event = (await observer.report("$connect"))["event"]
    assert_shape(
        event,
        {
            "headers": dict,
            "multiValueHeaders": dict,
            "queryStringParameters": dict,
            "multiValueQueryStringParameters": dict,
            "requestContext": dict,
            "isBase64Encoded": bool,
        },
    )
    assert_shape(event["requestContext"], _CONTEXT)
    assert event["requestContext"]["routeKey"] == "$connect"
    assert event["requestContext"]["eventType"] == "CONNECT"
    assert event["isBase64Encoded"] is False


@behaviour(
    "Headers of CONNECT",
    "The client's headers including Host, without Connection and Upgrade, and X-Forwarded-For, "
    "-Port, -Proto and X-Amzn-Trace-Id",
    _EVENTS,
    "https://github.com/rails-lambda/lamby/issues/74",
)
async def test_the_headers_in_the_event_of_connect(probe: Api) -> None:
    observer, _ = await probe.connect_observed(options={"additional_headers": {"X-Own": "mine"}})
    event = (await observer.report("$connect"))["event"]
    names = {name.lower() for name in event["headers"]}
    assert {"host", "x-own", "sec-websocket-key", "sec-websocket-version"} <= names
    assert {"x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"} <= names
    assert "x-amzn-trace-id" in names
    assert not names & {"connection", "upgrade"}
    assert event["headers"].keys() == event["multiValueHeaders"].keys()


@behaviour(
    "Repeated headers",
    "`headers` has one value, `multiValueHeaders` has all values",
    "set-up-lambda-proxy-integrations",
)
async def test_a_repeated_header(probe: Api) -> None:
    twice = [("X-Own", "a"), ("X-Own", "b")]
    observer, _ = await probe.connect_observed(options={"additional_headers": twice})
    event = (await observer.report("$connect"))["event"]
    multiple = {name.lower(): values for name, values in event["multiValueHeaders"].items()}
    single = {name.lower(): value for name, value in event["headers"].items()}
    assert multiple["x-own"] == ["a", "b"]
    assert single["x-own"] == "b"


@behaviour(
    "Query string",
    "Decoded; each parameter with its last value and with all values; the fields are absent "
    "without a query string",
    "apigateway-websocket-api-lambda-auth",
    "set-up-lambda-proxy-integrations",
)
async def test_the_query_string(probe: Api) -> None:
    observer, _ = await probe.connect_observed(lang=("es", "fr"), text="a+b =&ü")
    event = (await observer.report("$connect"))["event"]
    assert event["queryStringParameters"]["lang"] == "fr"
    assert event["multiValueQueryStringParameters"]["lang"] == ["es", "fr"]
    assert event["queryStringParameters"]["text"] == "a+b =&ü"
    bare = await (await probe.connect()).event()
    assert "queryStringParameters" not in bare


@behaviour(
    "REQUEST authorizer's event",
    "type, methodArn ending in $connect, headers with Connection and Upgrade, query, "
    "requestContext",
    "apigateway-websocket-api-lambda-auth",
    "https://github.com/localstack/localstack/issues/7191",
)
async def test_the_event_of_the_authorizer(probe: Api) -> None:
    observer, _ = await probe.connect_observed()
    event = (await observer.report("authorizer"))["event"]
    for optional in ("stageVariables", "isBase64Encoded"):
        event.pop(optional, None)
    assert_shape(
        event,
        {
            "type": re.compile("REQUEST"),
            "methodArn": re.compile(
                r"arn:aws[a-z-]*:execute-api:[^:]+:\d{12}:[^/]+/[^/]+/\$connect"
            ),
            "headers": dict,
            "multiValueHeaders": dict,
            "queryStringParameters": dict,
            "multiValueQueryStringParameters": dict,
            "requestContext": dict,
        },
    )
    assert_shape(
        event["requestContext"], {key: _CONTEXT[key] for key in _CONTEXT if key != "authorizer"}
    )
    names = {name.lower() for name in event["headers"]}
    assert {"connection", "upgrade", "content-length", "x-forwarded-for"} <= names


@behaviour(
    "MESSAGE event",
    "requestContext with messageId, body, isBase64Encoded; no headers and no query",
    _MESSAGES_SEEN,
    "apigateway-websocket-api-mapping-template-reference",
    confidence=Confidence.REPORTED,
)
async def test_the_event_of_a_message(probe: Api) -> None:
    client = await probe.connect(x="1")
    event = await client.event()
    assert_shape(event, {"requestContext": dict, "body": str, "isBase64Encoded": bool})
    assert_shape(event["requestContext"], _CONTEXT | {"messageId": _ID})
    assert event["requestContext"]["eventType"] == "MESSAGE"
    assert event["isBase64Encoded"] is False


@behaviour(
    "DISCONNECT event",
    "disconnectStatusCode and disconnectReason in requestContext; headers are Host and three empty "
    "ones; no query",
    _EVENTS,
)
async def test_the_event_of_disconnect(probe: Api) -> None:
    observer, client = await probe.connect_observed(x="1")
    await client.socket.close()
    event = (await observer.report("$disconnect"))["event"]
    assert_shape(
        event,
        {
            "headers": dict,
            "multiValueHeaders": dict,
            "requestContext": dict,
            "isBase64Encoded": bool,
        },
    )
    closing = {"disconnectStatusCode": int, "disconnectReason": str}
    assert_shape(event["requestContext"], _CONTEXT | closing)
    assert event["headers"].keys() == {"Host", "x-api-key", "X-Forwarded-For", "x-restapi"}
    assert event["requestContext"]["routeKey"] == "$disconnect"


@behaviour(
    "One connection in all events",
    "connectionId, connectedAt, stage and identity are the same; requestId equals "
    "extendedRequestId",
    "apigateway-websocket-api-mapping-template-reference",
    _EVENTS,
)
async def test_the_events_of_one_connection_agree(probe: Api) -> None:
    observer, client = await probe.connect_observed()
    message = await client.event()
    await client.socket.close()
    events = [
        (await observer.report("authorizer"))["event"],
        (await observer.report("$connect"))["event"],
        message,
        (await observer.report("$disconnect"))["event"],
    ]
    contexts = [event["requestContext"] for event in events]
    for field in ("connectionId", "connectedAt", "stage", "apiId", "domainName"):
        assert len({context[field] for context in contexts}) == 1, field
    assert len({context["identity"]["sourceIp"] for context in contexts}) == 1
    for context in contexts:
        assert context["requestId"] == context["extendedRequestId"]
        assert context["requestTimeEpoch"] >= context["connectedAt"]
        moment = datetime.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S %z")
        assert moment == datetime.fromtimestamp(context["requestTimeEpoch"] // 1000, UTC)


@behaviour(
    "Format of ids",
    "The ids of connections, requests and messages are 16 characters of URL-safe base64 and end "
    "in `=`",
    "https://github.com/aws/aws-sdk-net/issues/3132",
    _MESSAGES_SEEN,
    confidence=Confidence.REPORTED,
)
async def test_ids_have_the_format_and_are_unique(probe: Api) -> None:
    clients = [await probe.connect() for _ in range(3)]
    contexts = [(await client.event())["requestContext"] for client in clients]
    ids = [
        context[key] for context in contexts for key in ("connectionId", "requestId", "messageId")
    ]
    assert len(set(ids)) == len(ids)
    for each in ids:
        assert _ID.fullmatch(each), each
