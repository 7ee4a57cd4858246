"""HTTP APIs: events in payload format 2.0."""

from __future__ import annotations

import base64
import re

import pytest

from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.http_driver import LocalHttpApi

_LAMBDA = "http-api-develop-integrations-lambda"
_QUOTAS = "http-api-quotas"
_BLOG = (
    "https://aws.amazon.com/blogs/compute/handling-binary-data-using-amazon-api-gateway-http-apis/"
)


@behaviour(
    "HTTP: event",
    "version, routeKey, rawPath, rawQueryString, headers, requestContext, isBase64Encoded; "
    "cookies, queryStringParameters and body only if the request has them",
    _LAMBDA,
    requires=Requirement.PROCESS,
)
async def test_the_event_of_a_request(web: LocalHttpApi) -> None:
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
    "Names in lower case; the values of a repeated header are joined with commas; the gateway adds "
    "X-Forwarded-* and X-Amzn-Trace-Id",
    _LAMBDA,
    requires=Requirement.PROCESS,
)
async def test_headers_are_lower_case_and_combined(web: LocalHttpApi) -> None:
    headers = (await web.event("GET", X_One="a", x_one="b"))["headers"]

    assert headers["x-one"] == "a,b"
    assert all(name == name.lower() for name in headers)
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", "443")
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert {"host", "content-length"} <= headers.keys()


@behaviour(
    "HTTP: cookies",
    "A separate list, not a header",
    _LAMBDA,
    "https://github.com/hattipjs/hattip/pull/159",
    "https://github.com/Kludex/mangum/pull/153",
    requires=Requirement.PROCESS,
)
async def test_cookies_are_listed(web: LocalHttpApi) -> None:
    event = await web.event("GET", Cookie="a=1; b=2")

    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


@behaviour(
    "HTTP: query string",
    "rawQueryString as sent; queryStringParameters decoded, the values of a repeated parameter "
    "joined with commas",
    _LAMBDA,
    "https://github.com/ministackorg/ministack/issues/1035",
    requires=Requirement.PROCESS,
)
async def test_queries_are_raw_and_decoded(web: LocalHttpApi) -> None:
    event = await web.event("GET", "/notes?a=1&a=2&b=%20x&c=")

    assert event["rawQueryString"] == "a=1&a=2&b=%20x&c="
    assert event["queryStringParameters"] == {"a": "1,2", "b": " x", "c": ""}


@behaviour(
    "HTTP: path",
    "rawPath and requestContext.http.path are decoded, and cut at an encoded `?`",
    "https://github.com/middleapi/standard-server/pull/93",
    "https://github.com/honojs/hono/issues/2156",
    confidence=Confidence.REPORTED,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize("target", ["/%6eotes", "/notes%3Fa=1"])
async def test_paths_are_decoded(web: LocalHttpApi, target: str) -> None:
    event = await web.event("GET", target)

    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/notes"
    assert event["rawQueryString"] == ""


@behaviour(
    "HTTP: text or base64",
    "Bodies of type text/*, JSON, XML and JavaScript are text; all others, including forms and "
    "bodies without a type, are base64",
    _BLOG,
    "https://github.com/middyjs/middy/pull/603",
    "https://github.com/slackapi/python-slack-sdk/issues/859",
    confidence=Confidence.REPORTED,
    requires=Requirement.PROCESS,
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
async def test_the_content_type_determines_the_encoding_of_a_body(
    web: LocalHttpApi, kind: str, *, is_text: bool
) -> None:
    body = '{"a": "é"}'.encode()
    headers = {"Content_Type": kind} if kind else {}
    event = await web.event("POST", "/notes", body, **headers)

    assert event["isBase64Encoded"] is not is_text
    assert event["body"] == (body.decode() if is_text else base64.b64encode(body).decode())


@behaviour(
    "HTTP: invalid text",
    "A body that is not UTF-8 is base64, whatever its content type",
    _LAMBDA,
    confidence=Confidence.ASSUMED,
    requires=Requirement.PROCESS,
)
async def test_a_body_that_is_not_utf_8_is_base64(web: LocalHttpApi) -> None:
    event = await web.event("POST", "/notes", b"\xff", Content_Type="application/json")

    assert (event["body"], event["isBase64Encoded"]) == ("/w==", True)


@behaviour(
    "HTTP: body over 10 MB",
    '413 with {"message": "Request Entity Too Large"} (text assumed); the same for a body whose '
    "event exceeds Lambda's 6 MB",
    _QUOTAS,
    "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    confidence=Confidence.ASSUMED,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize("size", [10 * 1024 * 1024 + 1, 6 * 1024 * 1024])
async def test_a_large_body_is_rejected(web: LocalHttpApi, size: int) -> None:
    answer = await web.request("POST", "/notes", b"x" * size, Content_Type="text/plain")

    assert (answer.status, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert not web.invoker.seen("web")


@behaviour(
    "HTTP: headers over 10 240 bytes",
    "Request line and header values together over the quota (documented) are rejected with 431 "
    "(assumed)",
    _QUOTAS,
    confidence=Confidence.ASSUMED,
    requires=Requirement.PROCESS,
)
async def test_large_headers_are_rejected(web: LocalHttpApi) -> None:
    assert (await web.request("GET", X_One="x" * 9_000)).status == 200
    assert (await web.request("GET", X_One="x" * 10_240)).status == 431
