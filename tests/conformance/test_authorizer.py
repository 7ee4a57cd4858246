"""The REQUEST authorizer of $connect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.driver import Api

_OUTPUT = "api-gateway-lambda-authorizer-output"
_CREATE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "aws-resource-apigatewayv2-authorizer.html"
)


@behaviour(
    "Authorizer denies",
    "A policy that denies, or that allows nothing, rejects the handshake with 403",
    "apigateway-websocket-api-route-keys-connect-disconnect",
    _OUTPUT,
    requires=Requirement.MESSAGES,
)
async def test_a_denial_is_forbidden(api: Api) -> None:
    assert await api.rejection_status(**api.dialect.denied_query) == 403


@behaviour(
    "Authorizer says Unauthorized",
    'An exception whose message is exactly "Unauthorized" rejects the handshake with 401',
    "https://github.com/auth0-samples/jwt-rsa-aws-custom-authorizer/pull/6",
    "apigateway-websocket-api-route-keys-connect-disconnect",
    confidence=Confidence.REPORTED,
)
async def test_the_exception_unauthorized_is_a_401(probe: Api) -> None:
    assert await probe.rejection_status(auth={"raise": "Unauthorized"}) == 401


@behaviour(
    "Authorizer fails",
    "Any other exception, and a result that is not a policy, reject the handshake with 500",
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
    assert await probe.rejection_status(auth=command) == 500


@behaviour(
    "Authorizer's result too large",
    "A result over 8 KB (documented) rejects the handshake with 500 (assumed)",
    "apigateway-execution-service-websocket-limits-table",
    confidence=Confidence.ASSUMED,
)
async def test_a_result_over_its_quota_is_a_500(probe: Api) -> None:
    await probe.connect(auth={"padding": 6_000})
    assert await probe.rejection_status(auth={"padding": 9_000}) == 500


@behaviour(
    "Identity source missing",
    "401 if a listed identity source is missing or empty; the authorizer is not invoked",
    _CREATE,
    requires=Requirement.STRICT,
)
async def test_a_missing_identity_source_is_a_401_without_authorizer(strict: Api) -> None:
    observer = await strict.connect(token="here")
    me = await observer.connection_id()
    assert await strict.rejection_status(observer=me) == 401
    assert await strict.rejection_status(observer=me, token="") == 401
    await strict.connect(observer=me, token="third")
    event = (await observer.report("authorizer"))["event"]
    assert event["queryStringParameters"]["token"] == "third"


@behaviour(
    "Host as identity source",
    "The header Host, which every client sends, is accepted as an identity source",
    "https://www.rfc-editor.org/rfc/rfc9112#section-3.2",
    confidence=Confidence.ASSUMED,
    requires=Requirement.STRICT,
)
async def test_host_is_present_in_every_handshake(strict: Api) -> None:
    observer = await strict.connect(token="here")
    me = await observer.connection_id()
    await strict.connect(observer=me, token="second")
    event = (await observer.report("authorizer"))["event"]
    assert {name.lower() for name in event["headers"]} >= {"host"}


@behaviour(
    "No identity source listed",
    "With an empty list the authorizer is invoked for every handshake; if API Gateway rejects the "
    "list or answers 401, use `identitySource=host`",
    _CREATE,
    "https://github.com/serverless/examples/issues/557",
    confidence=Confidence.ASSUMED,
)
async def test_without_identity_sources_every_handshake_is_authorized(probe: Api) -> None:
    observer, _ = await probe.connect_observed()
    assert (await observer.report("authorizer"))["event"]["type"] == "REQUEST"


@behaviour(
    "Rejected before $connect",
    "$connect is not invoked for a handshake that the authorizer rejects",
    "apigateway-websocket-api-route-keys-connect-disconnect",
)
async def test_connect_is_not_invoked_for_a_rejected_handshake(probe: Api) -> None:
    observer = await probe.connect()
    me = await observer.connection_id()
    assert (
        await probe.rejection_status(observer=me, auth={"effect": "Deny"}, connect={"status": 418})
        == 403
    )
    await probe.connect(observer=me, mark="second")
    assert (await observer.report("$connect"))["event"]["queryStringParameters"]["mark"] == "second"


@behaviour(
    "Context as strings",
    "Functions get the values of the authorizer's context as strings, and principalId",
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
    observer, client = await probe.connect_observed(auth={"context": {"user": "alice"}})
    message = await client.event()
    await client.socket.close()
    connected = (await observer.report("$connect"))["event"]
    gone = (await observer.report("$disconnect"))["event"]
    for event in (connected, message, gone):
        assert event["requestContext"]["authorizer"]["user"] == "alice"


@behaviour(
    "No context",
    "Without a context in the authorizer's result, functions get only principalId",
    "https://github.com/dherault/serverless-offline/issues/1471",
    confidence=Confidence.REPORTED,
)
async def test_without_a_context_functions_get_only_the_principal(probe: Api) -> None:
    client = await probe.connect()
    context = (await client.event())["requestContext"]["authorizer"]
    assert context.keys() - {"integrationLatency"} == {"principalId"}
