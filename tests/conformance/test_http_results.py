"""HTTP APIs: results in payload format 2.0."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from local.base.errors import ThrottledError
from local.runtime.invocation import Outcome
from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.http_driver import LocalHttpApi
from tests.integration.local.support import Event

_LAMBDA = "http-api-develop-integrations-lambda"
_DOTNET = "https://github.com/aws/aws-lambda-dotnet/pull"


def result(value: object) -> Outcome:
    """An outcome with this result."""
    return Outcome(json.dumps(value).encode())


@behaviour(
    "HTTP: result with a status",
    "The response has its status, headers, cookies (each as set-cookie) and body",
    _LAMBDA,
    "https://github.com/floci-io/floci/pull/2391",
    requires=Requirement.PROCESS,
)
async def test_a_result_with_a_status_is_the_response(web: LocalHttpApi) -> None:
    web.set_script(
        lambda _event: result(
            {
                "statusCode": 201,
                "headers": {"X-One": "1", "X-Two": 2, "Content-Type": "text/html"},
                "cookies": ["a=1", "b=2"],
                "body": "é",
            }
        )
    )
    answer = await web.request()

    assert (answer.status, answer.body) == (201, "é".encode())
    assert answer.headers["content-type"] == "text/html"
    assert (answer.headers["x-one"], answer.headers["x-two"]) == ("1", "2")
    # This client keeps only the last one.
    assert answer.headers["set-cookie"] == "b=2"


@behaviour(
    "HTTP: result without a status",
    "Any other JSON is the body of a 200 with content-type application/json; a string is decoded",
    _LAMBDA,
    f"{_DOTNET}/1934",
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"message": "hello"}, '{"message": "hello"}'),
        ({"body": "hello"}, '{"body": "hello"}'),
        ([1], "[1]"),
        ("hello", "hello"),
        (7, "7"),
        (None, "null"),
    ],
)
async def test_any_other_result_is_a_body(web: LocalHttpApi, value: object, body: str) -> None:
    web.set_script(lambda _event: result(value))
    answer = await web.request()

    assert (answer.status, answer.body.decode()) == (200, body)
    assert answer.headers["content-type"] == "application/json"


@behaviour(
    "HTTP: body in base64",
    "With isBase64Encoded, the response has the decoded body",
    _LAMBDA,
    requires=Requirement.PROCESS,
)
async def test_base64_is_decoded(web: LocalHttpApi) -> None:
    web.set_script(
        lambda _event: result({"statusCode": 200, "isBase64Encoded": True, "body": "/wA="})
    )
    assert (await web.request()).body == b"\xff\x00"


@behaviour(
    "HTTP: no content type",
    "A result with a status but no content-type is text/plain",
    f"{_DOTNET}/1903",
    "https://github.com/aws-powertools/powertools-lambda-python/issues/2464",
    confidence=Confidence.REPORTED,
    requires=Requirement.PROCESS,
)
async def test_the_default_content_type_is_plain_text(web: LocalHttpApi) -> None:
    web.set_script(lambda _event: result({"statusCode": 200, "body": "x"}))
    assert (await web.request()).headers["content-type"].startswith("text/plain")


@behaviour(
    "HTTP: malformed result",
    'An invalid status, body or header: 500 with {"message": "Internal Server Error"}',
    "http-api-troubleshooting-lambda",
    confidence=Confidence.ASSUMED,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": None},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "headers": {"x": ["y"]}},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b=1"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"x": "\u4e2d"}},
        {"statusCode": 200, "cookies": "a=1"},
    ],
)
async def test_a_malformed_result_is_an_error(web: LocalHttpApi, value: dict[str, Any]) -> None:
    web.set_script(lambda _event: result(value))
    answer = await web.request()

    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})
    assert "set-cookie" not in answer.headers


@behaviour(
    "HTTP: function fails",
    "An exception or the function's own timeout: 500 with "
    '{"message": "Internal Server Error"}, without detail',
    f"{_DOTNET}/1953",
    confidence=Confidence.REPORTED,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize("kind", ["ValueError", "Sandbox.Timedout", "Runtime.ExitError"])
async def test_a_failure_is_an_error_without_detail(web: LocalHttpApi, kind: str) -> None:
    web.set_script(lambda _event: Outcome.failure(kind, "words of the function"))
    answer = await web.request()

    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


@behaviour(
    "HTTP: integration timeout",
    'After 30 s: 503 with {"message": "Service Unavailable"}; the same for a throttled function '
    "(assumed)",
    "http-api-quotas",
    "https://github.com/cortexlabs/cortex/issues/1225",
    "https://github.com/serverless/serverless/issues/11222",
    confidence=Confidence.REPORTED,
    requires=Requirement.PROCESS,
)
async def test_a_timeout_or_throttled_function_is_unavailable(web: LocalHttpApi) -> None:
    async def never(_event: Event) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    async def throttled(_event: Event) -> Outcome:
        raise ThrottledError("too many")

    for script in (never, throttled):
        web.set_script(script)
        answer = await web.request()
        assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})


@behaviour(
    "HTTP: response without body",
    "204 and 304 have no body, whatever the result; the connection stays open",
    "https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1",
    confidence=Confidence.ASSUMED,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize("status", [204, 304])
async def test_some_statuses_have_no_body(web: LocalHttpApi, status: int) -> None:
    web.set_script(lambda _event: result({"statusCode": status, "body": "x"}))
    answer = await web.request()

    assert (answer.status, answer.body) == (status, b"")
