"""Routes of messages and replies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.dialects import default_message
from tests.conformance.driver import Api, Client

_ROUTES = "websocket-api-develop-routes"
_RESPONSES = "apigateway-websocket-api-route-response"
_CHAT = "https://github.com/aws-samples/simple-websockets-chat-app/issues"
_REACT_CHAT = (
    "https://github.com/yai333/"
    "React-Chat-App-using-AWS-API-Gateway-Websocket-and-Serverless-Framework/issues/2"
)
_RE_POST = (
    "https://repost.aws/questions/QUx45wrdOxR3WCqwNIJPOW-g/"
    "on-an-apigateway-websocket-is-the-status-returned-from-the-lambda-handler"
)


async def failure(client: Client) -> dict[str, Any]:
    """Receive the next message, which must be an error of the gateway."""
    message = await client.json()
    assert message.keys() == {"message", "connectionId", "requestId"}
    return message


@behaviour(
    "Route by the selected field",
    "The `action` of a message is the key of its route",
    _ROUTES,
)
async def test_the_action_selects_the_route(probe: Api) -> None:
    client = await probe.connect()
    assert (await client.event())["requestContext"]["routeKey"] == "ask"


@behaviour(
    "Action without a route",
    "The message goes to $default",
    _ROUTES,
    "https://github.com/localstack/localstack/issues/6615",
    requires=Requirement.MESSAGES,
)
async def test_an_unknown_action_goes_to_default(api: Api) -> None:
    client = await api.connect()
    await client.send(default_message())
    assert api.dialect.is_default_reply(await client.json())


@behaviour("Not JSON", "The message goes to $default", _ROUTES, requires=Requirement.MESSAGES)
@pytest.mark.parametrize("text", ["hello", '{"action": "ask"', "{action: ask}"])
async def test_a_message_that_is_not_json_goes_to_default(api: Api, text: str) -> None:
    client = await api.connect()
    await client.send(text)
    assert api.dialect.is_default_reply(await client.json())


@behaviour(
    "JSON without the selected field",
    "The message goes to $default",
    _ROUTES,
    requires=Requirement.MESSAGES,
)
@pytest.mark.parametrize("text", ["{}", "[]", '"ask"', "5", "null", '{"Action": "ask"}'])
async def test_json_without_an_action_goes_to_default(api: Api, text: str) -> None:
    client = await api.connect()
    await client.send(text)
    assert api.dialect.is_default_reply(await client.json())


@behaviour(
    "Action that is not a string",
    "It is converted to a string, as in `[item1, item2]`; without a route of that name the message "
    "goes to $default",
    _ROUTES,
    requires=Requirement.MESSAGES,
)
@pytest.mark.parametrize("action", [1, True, None, ["ask"], {"ask": "ask"}])
async def test_an_action_that_is_not_a_string_goes_to_default(api: Api, action: object) -> None:
    client = await api.connect()
    await client.send(json.dumps({"action": action}))
    assert api.dialect.is_default_reply(await client.json())


@behaviour(
    "Action that names a predefined route",
    "The message goes to $default, never to $connect or $disconnect",
    _ROUTES,
    confidence=Confidence.ASSUMED,
)
@pytest.mark.parametrize("action", ["$connect", "$disconnect", "$default"])
async def test_messages_cannot_select_predefined_routes(probe: Api, action: str) -> None:
    client = await probe.connect()
    await client.send(json.dumps({"action": action}))
    assert probe.dialect.is_default_reply(await client.json())


@behaviour(
    "No $default",
    'The reply to a message without a route is {"message": "Forbidden", connectionId, requestId}',
    _ROUTES,
    f"{_CHAT}/24",
    requires=Requirement.STRICT,
)
@pytest.mark.parametrize("text", ['{"action": "other"}', "no JSON"])
async def test_a_message_without_a_route_is_forbidden(strict: Api, text: str) -> None:
    client = await strict.connect(token="any")
    await client.send(text)
    message = await failure(client)
    assert message["message"] == "Forbidden"
    assert message["connectionId"] == await client.connection_id()


@behaviour(
    "Route response",
    "With a route response, the client gets the body of the function's result unchanged",
    _RESPONSES,
)
async def test_a_route_with_a_response_replies(probe: Api) -> None:
    client = await probe.connect()
    await client.send_command(do="return", result={"statusCode": 200, "body": "grüße\n🎧"})
    assert await client.text() == "grüße\n🎧"


@behaviour(
    "No route response",
    "The function runs, and its result is dropped",
    _RESPONSES,
    "apigateway-websocket-api-integration-responses",
)
async def test_a_route_without_a_response_does_not_reply(probe: Api) -> None:
    client = await probe.connect()
    await client.send_command(
        "tell", do="return", result={"statusCode": 200, "body": "nobody sees this"}
    )
    await client.send_command("tell", do="call", text='{"ran": true}')
    assert await client.json() == {"ran": True}
    assert "event" not in await client.run_command()


@behaviour(
    "Result with another status",
    "With a route response the client gets the body as usual, without one nothing",
    _REACT_CHAT,
    _RE_POST,
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize("status", [201, 400, 500])
async def test_the_status_of_a_result_has_no_effect(probe: Api, status: int) -> None:
    client = await probe.connect()
    result = {"statusCode": status, "body": "body"}
    await client.send_command("tell", do="return", result=result)
    await client.send_command(do="return", result=result)
    assert await client.text() == "body"
    assert (await client.run_command())["route"] == "ask"


@behaviour(
    "Result without body",
    "With a route response, the client gets an empty message",
    "https://github.com/serverless/serverless/issues/6816",
    confidence=Confidence.REPORTED,
)
async def test_a_result_without_body_is_an_empty_message(probe: Api) -> None:
    client = await probe.connect()
    await client.send_command(do="return", result={"statusCode": 200})
    assert await client.text() == ""


@behaviour(
    "Exception",
    'The client gets {"message": "Internal server error", connectionId, requestId}, with or '
    "without a route response, and without detail of the exception",
    f"{_CHAT}/42",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize("action", ["ask", "tell"])
async def test_an_exception_is_an_internal_server_error_without_detail(
    probe: Api, action: str
) -> None:
    client = await probe.connect()
    await client.send_command(action, do="raise", text="a secret")
    message = await failure(client)
    assert message["message"] == "Internal server error"
    assert message["connectionId"] == await client.connection_id()
    assert message["requestId"]


@behaviour(
    "Malformed result",
    "A result without status, with unknown fields or with a body that is not a string is an "
    "internal server error",
    "https://github.com/middyjs/middy/issues/1219",
    "https://github.com/michalkvasnicak/aws-lambda-graphql/pull/48",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize(
    "result",
    [None, "text", [], {"Data": "hello", "statusCode": 200}, {"statusCode": 200, "body": {"a": 1}}],
    ids=["null", "text", "list", "unknown field", "body"],
)
async def test_a_malformed_result_is_an_internal_server_error(probe: Api, result: object) -> None:
    client = await probe.connect()
    await client.send_command(do="return", result=result)
    assert (await failure(client))["message"] == "Internal server error"


@behaviour(
    "Overlapping invocations",
    "Messages of one connection are handled concurrently; replies arrive in any order",
    "https://github.com/aws-samples/serverless-patterns/issues/139",
    confidence=Confidence.REPORTED,
)
async def test_a_fast_reply_overtakes_a_slow_one(probe: Api) -> None:
    gate, client = await probe.connect(), await probe.connect()
    slow = await client.send_command(do="wait", connection=await gate.connection_id())
    quick = await client.send_command()
    assert (await client.json())["tag"] == quick
    await gate.socket.close()
    assert await client.receive_matching(lambda message: message["tag"] == slow and message["gone"])


@behaviour(
    "Two connections",
    "They are independent: neither gets the other's replies or closes with the other",
    "apigateway-websocket-api-overview",
    requires=Requirement.MESSAGES,
)
async def test_connections_are_independent(api: Api) -> None:
    one, two = await api.connect(), await api.connect()
    await one.send(default_message())
    assert api.dialect.is_default_reply(await one.json())
    await one.socket.close()
    await two.send("hello")
    assert api.dialect.is_default_reply(await two.json())
