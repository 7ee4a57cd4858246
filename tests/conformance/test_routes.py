"""Which function a message reaches, and what comes back of its result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.catalogue import Confidence, Needs, behaviour
from tests.conformance.dialects import question
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
    """The next message, which must be of the gateway's own form."""
    message = await client.json()
    assert message.keys() == {"message", "connectionId", "requestId"}
    return message


@behaviour(
    "Route by the selected field",
    "A message goes to the route whose key is its `action`",
    _ROUTES,
)
async def test_the_action_names_the_route(probe: Api) -> None:
    client = await probe.connect()
    assert (await client.event())["requestContext"]["routeKey"] == "ask"


@behaviour(
    "Action without a route",
    "$default takes it",
    _ROUTES,
    "https://github.com/localstack/localstack/issues/6615",
    needs=Needs.MESSAGES,
)
async def test_an_unknown_action_goes_to_default(api: Api) -> None:
    client = await api.connect()
    await client.send(question())
    assert api.dialect.answered_by_default(await client.json())


@behaviour("Not JSON", "$default takes it", _ROUTES, needs=Needs.MESSAGES)
@pytest.mark.parametrize("text", ["hello", '{"action": "ask"', "{action: ask}"])
async def test_what_is_no_json_goes_to_default(api: Api, text: str) -> None:
    client = await api.connect()
    await client.send(text)
    assert api.dialect.answered_by_default(await client.json())


@behaviour("JSON without the selected field", "$default takes it", _ROUTES, needs=Needs.MESSAGES)
@pytest.mark.parametrize("text", ["{}", "[]", '"ask"', "5", "null", '{"Action": "ask"}'])
async def test_json_without_an_action_goes_to_default(api: Api, text: str) -> None:
    client = await api.connect()
    await client.send(text)
    assert api.dialect.answered_by_default(await client.json())


@behaviour(
    "Action that is no text",
    "It is turned into text, as in `[item1, item2]`; without a route of that name it is $default's",
    _ROUTES,
    needs=Needs.MESSAGES,
)
@pytest.mark.parametrize("action", [1, True, None, ["ask"], {"ask": "ask"}])
async def test_an_action_that_is_no_text_goes_to_default(api: Api, action: object) -> None:
    client = await api.connect()
    await client.send(json.dumps({"action": action}))
    assert api.dialect.answered_by_default(await client.json())


@behaviour(
    "Action that is a route of API Gateway's own",
    "$default takes it: no message reaches $connect or $disconnect",
    _ROUTES,
    confidence=Confidence.ASSUMED,
)
@pytest.mark.parametrize("action", ["$connect", "$disconnect", "$default"])
async def test_routes_with_a_dollar_cannot_be_named(probe: Api, action: str) -> None:
    client = await probe.connect()
    await client.send(json.dumps({"action": action}))
    assert probe.dialect.answered_by_default(await client.json())


@behaviour(
    "No $default",
    'What names no route is answered with {"message": "Forbidden", connectionId, requestId}',
    _ROUTES,
    f"{_CHAT}/24",
    needs=Needs.STRICT,
)
@pytest.mark.parametrize("text", ['{"action": "other"}', "no JSON"])
async def test_without_default_it_is_forbidden(strict: Api, text: str) -> None:
    client = await strict.connect(token="any")
    await client.send(text)
    message = await failure(client)
    assert message["message"] == "Forbidden"
    assert message["connectionId"] == await client.connection_id()


@behaviour(
    "Route response",
    "With one the body of the function's result is sent to the client, just as it is",
    _RESPONSES,
)
async def test_a_route_with_a_response_replies(probe: Api) -> None:
    client = await probe.connect()
    await client.tell(do="return", result={"statusCode": 200, "body": "grüße\n🎧"})
    assert await client.text() == "grüße\n🎧"


@behaviour(
    "No route response",
    "The function runs, and its result goes nowhere",
    _RESPONSES,
    "apigateway-websocket-api-integration-responses",
)
async def test_a_route_without_a_response_does_not(probe: Api) -> None:
    client = await probe.connect()
    await client.tell("tell", do="return", result={"statusCode": 200, "body": "nobody sees this"})
    await client.tell("tell", do="call", text='{"ran": true}')
    assert await client.json() == {"ran": True}
    assert "event" not in await client.ask()


@behaviour(
    "Result with another status",
    "With a route response its body is sent all the same, without one nothing is",
    _REACT_CHAT,
    _RE_POST,
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize("status", [201, 400, 500])
async def test_the_status_of_a_result_changes_nothing(probe: Api, status: int) -> None:
    client = await probe.connect()
    result = {"statusCode": status, "body": "body"}
    await client.tell("tell", do="return", result=result)
    await client.tell(do="return", result=result)
    assert await client.text() == "body"
    assert (await client.ask())["route"] == "ask"


@behaviour(
    "Result without body",
    "With a route response the client gets an empty message",
    "https://github.com/serverless/serverless/issues/6816",
    confidence=Confidence.REPORTED,
)
async def test_a_result_without_body_is_an_empty_message(probe: Api) -> None:
    client = await probe.connect()
    await client.tell(do="return", result={"statusCode": 200})
    assert await client.text() == ""


@behaviour(
    "Exception",
    'The client gets {"message": "Internal server error", connectionId, requestId}, with or '
    "without a route response, and none of the exception's words",
    f"{_CHAT}/42",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize("action", ["ask", "tell"])
async def test_an_exception_reaches_the_client_without_its_text(probe: Api, action: str) -> None:
    client = await probe.connect()
    await client.tell(action, do="raise", text="a secret")
    message = await failure(client)
    assert message["message"] == "Internal server error"
    assert message["connectionId"] == await client.connection_id()
    assert message["requestId"]


@behaviour(
    "Malformed result",
    "What is no proxy result (no status, unknown fields, a body that is no text) is an internal "
    "server error",
    "https://github.com/middyjs/middy/issues/1219",
    "https://github.com/michalkvasnicak/aws-lambda-graphql/pull/48",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize(
    "result",
    [None, "text", [], {"Data": "hello", "statusCode": 200}, {"statusCode": 200, "body": {"a": 1}}],
    ids=["null", "text", "list", "unknown field", "body"],
)
async def test_a_malformed_result_is_a_failure(probe: Api, result: object) -> None:
    client = await probe.connect()
    await client.tell(do="return", result=result)
    assert (await failure(client))["message"] == "Internal server error"


@behaviour(
    "Overlapping invocations",
    "Messages of one connection are served at the same time: replies come in any order",
    "https://github.com/aws-samples/serverless-patterns/issues/139",
    confidence=Confidence.REPORTED,
)
async def test_a_quick_message_overtakes_a_slow_one(probe: Api) -> None:
    gate, client = await probe.connect(), await probe.connect()
    slow = await client.tell(do="wait", connection=await gate.connection_id())
    quick = await client.tell()
    assert (await client.json())["tag"] == quick
    await gate.socket.close()
    assert await client.find(lambda message: message["tag"] == slow and message["gone"])


@behaviour(
    "Two connections",
    "They share nothing: neither gets the other's replies, and the end of one is not the other's",
    "apigateway-websocket-api-overview",
    needs=Needs.MESSAGES,
)
async def test_connections_are_independent(api: Api) -> None:
    one, two = await api.connect(), await api.connect()
    await one.send(question())
    assert api.dialect.answered_by_default(await one.json())
    await one.socket.close()
    await two.send("hello")
    assert api.dialect.answered_by_default(await two.json())
