"""Handshake."""

from __future__ import annotations

import asyncio
import http.client
import json
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from local.gateway.websocket import GatewayLimits
from local.runtime.invocation import Outcome
from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.dialects import default_message
from tests.conformance.driver import TIMEOUT_SECONDS, Api
from tests.integration.local.conftest import ServeFactory
from tests.integration.local.support import Event, ok
from tests.unit.local.stacks import stack


@behaviour(
    "$connect decides",
    "The status of $connect's result is the status of the handshake, unless it is 2xx",
    "websocket-connect-route-subprotocol",
    "https://github.com/dherault/serverless-offline/pull/1301",
)
@pytest.mark.parametrize("status", [400, 401, 403, 418, 429, 500])
async def test_the_status_of_connect_rejects_the_handshake(probe: Api, status: int) -> None:
    assert await probe.rejection_status(connect={"status": status}) == status


@behaviour(
    "$connect fails",
    "An exception of $connect's function, or a malformed result, rejects the handshake with 502",
    "https://github.com/serverless/serverless-websockets-plugin/issues/13",
    "https://github.com/webiny/webiny-js/pull/4790",
    confidence=Confidence.REPORTED,
)
@pytest.mark.parametrize(
    "command",
    [
        {"raise": "on purpose"},
        {"result": None},
        {"result": "text"},
        {"result": {"Data": "no result"}},
        {"result": {"statusCode": "two hundred"}},
    ],
    ids=["exception", "null", "text", "object", "status"],
)
async def test_a_failing_connect_is_a_bad_gateway(probe: Api, command: dict[str, object]) -> None:
    assert await probe.rejection_status(connect=command) == 502


@behaviour(
    "Subprotocol confirmed",
    "API Gateway confirms a subprotocol that $connect returns as Sec-WebSocket-Protocol",
    "websocket-connect-route-subprotocol",
)
async def test_connect_confirms_a_subprotocol(probe: Api) -> None:
    options = {"subprotocols": ["v1", "v2"]}
    client = await probe.connect(connect={"protocol": "v2"}, options=options)
    assert client.socket.subprotocol == "v2"


@behaviour(
    "Subprotocol not confirmed",
    "API Gateway does not confirm a subprotocol that $connect does not return; the connection "
    "opens",
    "https://github.com/michalkvasnicak/aws-lambda-graphql/pull/84",
    "websocket-connect-route-subprotocol",
    confidence=Confidence.REPORTED,
)
async def test_a_subprotocol_that_connect_does_not_return_is_not_confirmed(probe: Api) -> None:
    client = await probe.connect(options={"subprotocols": ["v1"]})
    assert client.socket.subprotocol is None


@behaviour(
    "Unreachable while $connect runs",
    "@connections answers 410 for a connection whose $connect has not returned yet",
    "https://repost.aws/knowledge-center/410-gone-api-gateway",
)
async def test_a_connection_is_gone_until_its_handshake_is_complete(probe: Api) -> None:
    methods = ("POST", "GET", "DELETE")
    calls = [{"method": method, "text": "early"} for method in methods]
    observer, client = await probe.connect_observed(connect={"calls": calls})
    report = await observer.report("$connect")
    assert [outcomes[0]["status"] for outcomes in report["calls"]] == [410, 410, 410]
    assert (await client.call("POST", text='{"late": true}'))["status"] == 200
    assert await client.json() == {"late": True}


@behaviour(
    "Integration timeout of $connect",
    "A $connect that takes longer than 29 s rejects the handshake with 504",
    "supported-gateway-response-types",
    "apigateway-execution-service-websocket-limits-table",
    confidence=Confidence.ASSUMED,
    requires=Requirement.CLOCK,
)
async def test_a_connect_that_takes_too_long_is_a_gateway_timeout(serve: ServeFactory) -> None:
    assert GatewayLimits().integration == 29.0
    served = await serve(stack({"$connect": False}), limits=GatewayLimits(integration=0.05))

    async def never(_event: Event) -> Outcome:
        await asyncio.Event().wait()
        return ok()

    served.invoker.scripts["$connect"] = never
    with pytest.raises(InvalidStatus) as rejected:
        await served.connect()
    assert rejected.value.response.status_code == 504


@behaviour(
    "Wrong path",
    "A handshake at another path than the stage's is rejected with 403",
    "https://repost.aws/knowledge-center/api-gateway-websocket-error",
    confidence=Confidence.ASSUMED,
    requires=Requirement.MESSAGES,
)
@pytest.mark.parametrize("path", ["/", "/no-such-stage"])
async def test_other_paths_than_the_stages_are_forbidden(api: Api, path: str) -> None:
    assert await api.rejection_status_at(path) == 403


@behaviour(
    "No WebSocket handshake",
    "A GET without Upgrade is rejected with a 4xx status: 426 locally, on AWS most likely 403",
    "https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1",
    confidence=Confidence.ASSUMED,
    requires=Requirement.MESSAGES,
)
async def test_a_plain_get_is_rejected(api: Api) -> None:
    assert 400 <= await asyncio.to_thread(_get, api.url) < 500


def _get(url: str) -> int:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "wss" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status
    finally:
        connection.close()


@behaviour(
    "Compression offered",
    "A client that offers compression, as browsers do, gets every message intact",
    "https://github.com/python-websockets/websockets/issues/1065",
    confidence=Confidence.REPORTED,
    requires=Requirement.MESSAGES,
)
async def test_messages_are_intact_with_a_compression_offer(api: Api) -> None:
    client = await api.connect(options={"compression": "deflate"})
    for size in (100, 20_000):
        await client.send(default_message(size))
        assert api.dialect.is_default_reply(json.loads(await client.text()))
