"""The REQUEST authorizer of $connect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.catalogue import Confidence, Needs, behaviour
from tests.conformance.driver import Api

_OUTPUT = "api-gateway-lambda-authorizer-output"
_CREATE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "aws-resource-apigatewayv2-authorizer.html"
)


@behaviour(
    "Authorizer denies",
    "A policy that denies, or allows nothing, refuses the handshake with 403",
    "apigateway-websocket-api-route-keys-connect-disconnect",
    _OUTPUT,
    needs=Needs.MESSAGES,
)
async def test_a_denial_is_forbidden(api: Api) -> None:
    assert await api.refusal(**api.dialect.refused) == 403


@behaviour(
    "Authorizer says Unauthorized",
    'An exception whose message is just "Unauthorized" refuses the handshake with 401',
    "https://github.com/auth0-samples/jwt-rsa-aws-custom-authorizer/pull/6",
    "apigateway-websocket-api-route-keys-connect-disconnect",
    confidence=Confidence.REPORTED,
)
async def test_the_exception_unauthorized_is_a_401(probe: Api) -> None:
    assert await probe.refusal(auth={"raise": "Unauthorized"}) == 401


@behaviour(
    "Authorizer fails",
    "Any other exception, and a result that is no policy, refuse the handshake with 500",
    "https://github.com/serverless/examples/issues/557",
    "supported-gateway-response-types",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize(
    "command",
    [
        {"raise": "Unauthorized, somehow"},
        {"result": {"statusCode": 401}},
        {"result": None},
        {"context": {"nested": {"a": 1}}},
    ],
    ids=["exception", "status", "null", "nested context"],
)
async def test_a_failing_authorizer_is_a_500(probe: Api, command: dict[str, Any]) -> None:
    assert await probe.refusal(auth=command) == 500


@behaviour(
    "Authorizer's result too large",
    "A result over 8 KB (documented) refuses the handshake with 500 (assumed)",
    "apigateway-execution-service-websocket-limits-table",
    confidence=Confidence.ASSUMED,
)
async def test_a_result_over_its_quota_is_a_500(probe: Api) -> None:
    await probe.connect(auth={"padding": 6_000})
    assert await probe.refusal(auth={"padding": 9_000}) == 500


@behaviour(
    "Identity source missing",
    "Without a listed identity source, or with an empty one, 401, and the authorizer is not asked",
    _CREATE,
    needs=Needs.STRICT,
)
async def test_without_its_identity_source_nobody_is_asked(strict: Api) -> None:
    observer = await strict.connect(token="here")
    me = await observer.connection_id()
    assert await strict.refusal(observer=me) == 401
    assert await strict.refusal(observer=me, token="") == 401
    await strict.connect(observer=me, token="third")
    asked = (await observer.report("authorizer"))["event"]
    assert asked["queryStringParameters"]["token"] == "third"


@behaviour(
    "Host as identity source",
    "The header Host, which every client sends, is a listed identity source that is always there",
    "https://www.rfc-editor.org/rfc/rfc9112#section-3.2",
    confidence=Confidence.ASSUMED,
    needs=Needs.STRICT,
)
async def test_every_handshake_brings_a_host(strict: Api) -> None:
    observer = await strict.connect(token="here")
    me = await observer.connection_id()
    await strict.connect(observer=me, token="second")
    asked = (await observer.report("authorizer"))["event"]
    assert {name.lower() for name in asked["headers"]} >= {"host"}


@behaviour(
    "No identity source listed",
    "With an empty list the authorizer is asked about every handshake, whatever it brings; where "
    "API Gateway refuses the list or answers 401, `identitySource=host` takes its place",
    _CREATE,
    "https://github.com/serverless/examples/issues/557",
    confidence=Confidence.ASSUMED,
)
async def test_without_identity_sources_everybody_is_asked_about(probe: Api) -> None:
    observer, _ = await probe.watched()
    assert (await observer.report("authorizer"))["event"]["type"] == "REQUEST"


@behaviour(
    "Refused before $connect",
    "$connect is not executed for a handshake that the authorizer refuses",
    "apigateway-websocket-api-route-keys-connect-disconnect",
)
async def test_connect_is_not_asked_about_who_was_refused(probe: Api) -> None:
    observer = await probe.connect()
    me = await observer.connection_id()
    assert await probe.refusal(observer=me, auth={"effect": "Deny"}, connect={"status": 418}) == 403
    await probe.connect(observer=me, mark="second")
    assert (await observer.report("$connect"))["event"]["queryStringParameters"]["mark"] == "second"


@behaviour(
    "Context as strings",
    "Values of the authorizer's context reach the functions as strings, beside principalId",
    "apigateway-websocket-api-mapping-template-reference",
)
async def test_context_values_become_strings(probe: Api) -> None:
    client = await probe.connect(auth={"context": {"text": "a", "number": 3, "yes": True}})
    context = (await client.event())["requestContext"]["authorizer"]
    context.pop("integrationLatency", None)
    assert context == {"principalId": "probe", "text": "a", "number": "3", "yes": "true"}


@behaviour(
    "Context on every route",
    "The authorizer's context is in the events of $connect, of messages and of $disconnect",
    "https://github.com/dherault/serverless-offline/issues/1379",
    "https://github.com/aws/chalice/issues/2060",
    confidence=Confidence.REPORTED,
)
async def test_every_route_gets_the_context(probe: Api) -> None:
    observer, client = await probe.watched(auth={"context": {"user": "alice"}})
    message = await client.event()
    await client.socket.close()
    connected = (await observer.report("$connect"))["event"]
    gone = (await observer.report("$disconnect"))["event"]
    for event in (connected, message, gone):
        assert event["requestContext"]["authorizer"]["user"] == "alice"


@behaviour(
    "No context",
    "Without a context in the authorizer's result there is only principalId",
    "https://github.com/dherault/serverless-offline/issues/1471",
    confidence=Confidence.REPORTED,
)
async def test_without_a_context_there_is_none(probe: Api) -> None:
    client = await probe.connect()
    context = (await client.event())["requestContext"]["authorizer"]
    assert context.keys() - {"integrationLatency"} == {"principalId"}
