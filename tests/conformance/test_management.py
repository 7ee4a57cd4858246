"""@connections."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.conformance.catalogue import Confidence, behaviour
from tests.conformance.driver import Api, Client

LIMIT = 128 * 1024
_CONNECTIONS = "apigateway-how-to-call-websocket-api-connections"
_MODEL = (
    "https://github.com/aws/aws-sdk-js-v3/blob/68dc0fe8c03d8c01bc66998a7e2920d21dee7fcb/"
    "codegen/sdk-codegen/aws-models/apigatewaymanagementapi.2018-11-29.json"
)
_RESPONSE_TYPES = "supported-gateway-response-types"
_GONE = "https://github.com/localstack/localstack/issues/4694"
# Enough to fill all buffers between a function and a client that does not read.
_POSTS, _BATCH, _POST_BYTES = 1_000, 20, 100_000


@behaviour(
    "Post",
    "200 with an empty body; the client gets the body as one text message",
    _CONNECTIONS,
    _MODEL,
)
@pytest.mark.parametrize("text", ["x", "grüße 🎧", '{"a": 1}'])
async def test_a_post_arrives_as_a_text_message(probe: Api, text: str) -> None:
    caller, client = await probe.connect(), await probe.connect()
    outcome = await caller.call(connection=await client.connection_id(), text=text)
    assert outcome == {"status": 200, "error": "", "body": ""}
    assert await client.text() == text


@behaviour(
    "Post to the sender",
    "A function can post to the connection whose message it handles",
    "apigateway-websocket-api-route-keys-connect-disconnect",
    _CONNECTIONS,
)
async def test_a_function_can_post_to_the_sender(probe: Api) -> None:
    client = await probe.connect()
    assert (await client.call(text='{"to": "me"}'))["status"] == 200
    assert await client.json() == {"to": "me"}


@behaviour("Post of 128 KB", "It arrives intact", _MODEL)
async def test_a_post_of_the_maximum_size_arrives(probe: Api) -> None:
    client = await probe.connect()
    assert (await client.call(bytes=LIMIT))["status"] == 200
    assert await client.text() == "x" * LIMIT


@behaviour("Larger post", "413 PayloadTooLargeException; the connection stays open", _MODEL)
async def test_a_post_over_the_quota_is_too_large(probe: Api) -> None:
    client = await probe.connect()
    outcome = await client.call(bytes=LIMIT + 1)
    assert outcome["status"] == 413
    assert "PayloadTooLarge" in outcome["error"]
    assert (await client.run_command())["route"] == "ask"


@behaviour(
    "Get",
    "200 with connectedAt and lastActiveAt in ISO 8601, and identity with sourceIp and userAgent",
    _MODEL,
    _CONNECTIONS,
)
async def test_get_describes_a_connection(probe: Api) -> None:
    client = await probe.connect(options={"user_agent_header": "conformance/1"})
    outcome = await client.call("GET")
    about = json.loads(outcome["body"])
    assert outcome["status"] == 200
    assert about.keys() == {"connectedAt", "lastActiveAt", "identity"}
    assert about["identity"].keys() == {"sourceIp", "userAgent"}
    assert about["identity"]["userAgent"] == "conformance/1"
    connected, active = (
        datetime.fromisoformat(about[key]) for key in ("connectedAt", "lastActiveAt")
    )
    assert connected <= active
    event = await client.event()
    assert abs(connected.timestamp() * 1000 - event["requestContext"]["connectedAt"]) < 1_000


@behaviour(
    "Delete",
    "204; the connection is closed with 1000, and later calls answer 410",
    _MODEL,
    "https://github.com/boto/boto3/issues/3789",
)
async def test_delete_closes_a_connection(probe: Api) -> None:
    caller, client = await probe.connect(), await probe.connect()
    target = await client.connection_id()
    assert (await caller.call("DELETE", connection=target))["status"] == 204
    assert (await client.closing())[0] == 1000
    assert (await caller.call(connection=target, text="late"))["status"] == 410


@behaviour(
    "Closed connection",
    "410 GoneException for POST, GET and DELETE",
    _MODEL,
    "https://repost.aws/knowledge-center/410-gone-api-gateway",
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_a_closed_connection_is_gone(probe: Api, method: str) -> None:
    observer, client = await probe.connect_observed()
    target = await client.connection_id()
    await client.socket.close()
    await observer.report("$disconnect")
    outcome = await observer.call(method, connection=target, text="late")
    assert outcome["status"] == 410
    assert "Gone" in outcome["error"] or not outcome["error"]


@behaviour(
    "Unknown connection",
    "410 for an unknown id, 400 BadRequestException for a malformed one",
    _GONE,
    confidence=Confidence.REPORTED,
)
async def test_an_unknown_id_is_gone_and_a_malformed_one_is_a_bad_request(probe: Api) -> None:
    client = await probe.connect()
    unknown = _other(await client.connection_id())
    assert (await client.call(connection=unknown, text="x"))["status"] == 410
    assert (await client.call(connection="no id!", text="x"))["status"] == 400


def _other(connection_id: str) -> str:
    """Another id in the same format."""
    return connection_id[:4] + ("A" if connection_id[4] != "A" else "B") + connection_id[5:]


@behaviour(
    "Unsigned call",
    "403 with the message Missing Authentication Token",
    _RESPONSE_TYPES,
    _CONNECTIONS,
)
async def test_a_call_without_signature_is_forbidden(probe: Api) -> None:
    client = await probe.connect()
    outcome = await client.call(signature="none", text="x")
    assert outcome["status"] == 403
    assert json.loads(outcome["body"])["message"] == "Missing Authentication Token"


@behaviour(
    "Wrong signature",
    "403 with the message that the signatures do not match",
    _RESPONSE_TYPES,
    "https://github.com/okigan/awscurl/issues/61",
)
async def test_a_call_with_a_wrong_signature_is_forbidden(probe: Api) -> None:
    client = await probe.connect()
    outcome = await client.call(signature="wrong", text="x")
    assert outcome["status"] == 403
    message = json.loads(outcome["body"])["message"]
    assert message.startswith("The request signature we calculated does not match")


@behaviour(
    "Other path",
    "404 with the message that no method matches the route",
    "https://github.com/aws-samples/simple-websockets-chat-app/issues/40",
    "https://github.com/cognitect-labs/aws-api/issues/201",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize("path", ["/connections/x", "/%40connections-of-others/x"])
async def test_another_path_is_not_found(probe: Api, path: str) -> None:
    client = await probe.connect()
    outcome = await client.call(path=path, text="x")
    assert outcome["status"] == 404
    assert json.loads(outcome["body"])["message"].startswith("No method found matching route")


@behaviour(
    "Encoding of the path",
    "@ and = may be percent-encoded or not; the canonical request encodes the sent path again",
    "https://github.com/okigan/awscurl/issues/61",
    "https://github.com/aws/aws-sdk-net/issues/3132",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize("encoded", [True, False])
async def test_an_id_may_be_percent_encoded(probe: Api, encoded: bool) -> None:
    client = await probe.connect()
    assert (await client.call(encoded=encoded, text='{"found": true}'))["status"] == 200
    assert await client.json() == {"found": True}


async def fill(caller: Client, target: str) -> dict[str, Any]:
    """Post to a connection until a post fails."""
    for _ in range(_POSTS // _BATCH):
        command: dict[str, Any] = {"connection": target, "bytes": _POST_BYTES, "repeat": _BATCH}
        outcome = await caller.call(**command)
        if outcome["status"] != 200:
            return outcome
    raise AssertionError(f"{_POSTS} posts of {_POST_BYTES} bytes fit into some buffer")


@behaviour(
    "Client that does not read",
    "Once its buffer is full, a post is answered with 429 LimitExceededException",
    _MODEL,
    "https://github.com/gchq/sleeper/issues/7494",
)
async def test_a_client_that_does_not_read_is_a_429(probe: Api) -> None:
    slow = await probe.connect(options={"max_queue": 1})
    target = await slow.connection_id()
    slow.socket.transport.pause_reading()
    outcome = await fill(await probe.connect(), target)
    assert outcome["status"] == 429
    assert "LimitExceeded" in outcome["error"]


@behaviour(
    "Other clients of a slow one",
    "A client that does not read does not delay the others",
    "apigateway-websocket-api-overview",
    confidence=Confidence.ASSUMED,
)
async def test_a_slow_client_does_not_delay_others(probe: Api) -> None:
    slow, caller = await probe.connect(options={"max_queue": 1}), await probe.connect()
    target = await slow.connection_id()
    slow.socket.transport.pause_reading()
    await fill(caller, target)
    other = await probe.connect()
    text = '{"quick": true}'
    assert (await caller.call(connection=await other.connection_id(), text=text))["status"] == 200
    assert await other.json() == {"quick": True}
