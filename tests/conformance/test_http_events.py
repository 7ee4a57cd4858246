"""HTTP APIs: what functions are told, in payload format 2.0."""

from __future__ import annotations

import base64
import re

import pytest

from tests.conformance.catalogue import Confidence, Needs, behaviour
from tests.conformance.http_driver import WebApi

_LAMBDA = "http-api-develop-integrations-lambda"
_QUOTAS = "http-api-quotas"
_BLOG = (
    "https://aws.amazon.com/blogs/compute/handling-binary-data-using-amazon-api-gateway-http-apis/"
)


@behaviour(
    "HTTP: event",
    "version, routeKey, rawPath, rawQueryString, headers, requestContext, isBase64Encoded; "
    "cookies, queryStringParameters and body only if there are any",
    _LAMBDA,
    needs=Needs.PROCESS,
)
async def test_the_event_of_a_request(web: WebApi) -> None:
    event = await web.event("GET", User_Agent="tests")

    always = {"version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext"}
    assert event.keys() == always | {"isBase64Encoded"}
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/notes", "")
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["http"] == {
        "method": "GET",
        "path": "/notes",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "tests",
    }
    assert context["domainName"] == "web.execute-api.eu-central-1.amazonaws.com"
    assert (context["domainPrefix"], context["apiId"]) == ("web", "web")
    assert (context["accountId"], context["stage"]) == ("000000000000", "$default")
    assert context["routeKey"] == "GET /notes"
    assert context["timeEpoch"] == web.clock.now_ms()
    assert re.fullmatch(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert context["requestId"]
    assert "authorizer" not in context


@behaviour(
    "HTTP: headers",
    "Names in lower case; of one that comes twice the values with a comma; the gateway's "
    "X-Forwarded-* and X-Amzn-Trace-Id beside the client's",
    _LAMBDA,
    needs=Needs.PROCESS,
)
async def test_headers_are_lower_case_and_combined(web: WebApi) -> None:
    headers = (await web.event("GET", X_One="a", x_one="b"))["headers"]

    assert headers["x-one"] == "a,b"
    assert all(name == name.lower() for name in headers)
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", "443")
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert {"host", "content-length"} <= headers.keys()


@behaviour(
    "HTTP: cookies",
    "They are a list of their own, and no header any more",
    _LAMBDA,
    "https://github.com/hattipjs/hattip/pull/159",
    "https://github.com/Kludex/mangum/pull/153",
    needs=Needs.PROCESS,
)
async def test_cookies_are_listed(web: WebApi) -> None:
    event = await web.event("GET", Cookie="a=1; b=2")

    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


@behaviour(
    "HTTP: query string",
    "rawQueryString as it was sent; queryStringParameters decoded, of one that comes twice the "
    "values with a comma",
    _LAMBDA,
    "https://github.com/ministackorg/ministack/issues/1035",
    needs=Needs.PROCESS,
)
async def test_queries_are_raw_and_decoded(web: WebApi) -> None:
    event = await web.event("GET", "/notes?a=1&a=2&b=%20x&c=")

    assert event["rawQueryString"] == "a=1&a=2&b=%20x&c="
    assert event["queryStringParameters"] == {"a": "1,2", "b": " x", "c": ""}


@behaviour(
    "HTTP: path",
    "rawPath and requestContext.http.path are decoded, and end at a `?` that was encoded",
    "https://github.com/middleapi/standard-server/pull/93",
    "https://github.com/honojs/hono/issues/2156",
    confidence=Confidence.REPORTED,
    needs=Needs.PROCESS,
)
@pytest.mark.parametrize("target", ["/%6eotes", "/notes%3Fa=1"])
async def test_paths_are_decoded(web: WebApi, target: str) -> None:
    event = await web.event("GET", target)

    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/notes"
    assert event["rawQueryString"] == ""


@behaviour(
    "HTTP: text or base64",
    "A body is text if its content type is: text/*, JSON, XML, JavaScript; any other, forms and "
    "none included, is in base64",
    _BLOG,
    "https://github.com/middyjs/middy/pull/603",
    "https://github.com/slackapi/python-slack-sdk/issues/859",
    confidence=Confidence.REPORTED,
    needs=Needs.PROCESS,
)
@pytest.mark.parametrize(
    ("kind", "is_text"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/problem+json", True),
        ("text/plain", True),
        ("application/xml", True),
        ("application/x-www-form-urlencoded", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
async def test_the_content_type_says_how_a_body_comes(
    web: WebApi, kind: str, *, is_text: bool
) -> None:
    body = '{"a": "é"}'.encode()
    headers = {"Content_Type": kind} if kind else {}
    event = await web.event("POST", "/notes", body, **headers)

    assert event["isBase64Encoded"] is not is_text
    assert event["body"] == (body.decode() if is_text else base64.b64encode(body).decode())


@behaviour(
    "HTTP: text that is none",
    "Bytes that are not UTF-8 come in base64, whatever the content type says",
    _LAMBDA,
    confidence=Confidence.ASSUMED,
    needs=Needs.PROCESS,
)
async def test_bytes_that_are_no_text_come_in_base64(web: WebApi) -> None:
    event = await web.event("POST", "/notes", b"\xff", Content_Type="application/json")

    assert (event["body"], event["isBase64Encoded"]) == ("/w==", True)


@behaviour(
    "HTTP: body over 10 MB",
    '413 with {"message": "Request Entity Too Large"} (its words are assumed); so is a body that '
    "with its event is over Lambda's 6 MB",
    _QUOTAS,
    "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    confidence=Confidence.ASSUMED,
    needs=Needs.PROCESS,
)
@pytest.mark.parametrize("size", [10 * 1024 * 1024 + 1, 6 * 1024 * 1024])
async def test_a_large_body_is_refused(web: WebApi, size: int) -> None:
    answer = await web.ask("POST", "/notes", b"x" * size, Content_Type="text/plain")

    assert (answer.status, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert not web.invoker.seen("web")


@behaviour(
    "HTTP: headers over 10 240 bytes",
    "Request line and values of headers together (documented) are refused with 431 (assumed)",
    _QUOTAS,
    confidence=Confidence.ASSUMED,
    needs=Needs.PROCESS,
)
async def test_large_headers_are_refused(web: WebApi) -> None:
    assert (await web.ask("GET", X_One="x" * 9_000)).status == 200
    assert (await web.ask("GET", X_One="x" * 10_240)).status == 431
