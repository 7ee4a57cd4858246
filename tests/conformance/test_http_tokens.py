"""HTTP APIs: routes and the JWT authorizer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.catalogue import Confidence, Requirement, behaviour
from tests.conformance.http_driver import LocalHttpApi
from tests.integration.local.support import Answer

_JWT = "http-api-jwt-authorizer"
_TROUBLE = "http-api-troubleshooting-jwt"
_ROUTES = "http-api-develop-routes"


def is_unauthorized(answer: Answer) -> bool:
    """Whether it is the gateway's 401 response."""
    return (answer.status, answer.json()) == (401, {"message": "Unauthorized"})


@behaviour(
    "HTTP: route by method and path",
    "Method and path match before ANY and path; the event contains the route key",
    _ROUTES,
    requires=Requirement.PROCESS,
)
async def test_the_most_specific_route_wins(web: LocalHttpApi) -> None:
    assert (await web.event("GET"))["routeKey"] == "GET /notes"
    assert (await web.event("DELETE"))["routeKey"] == "ANY /notes"


@behaviour(
    "HTTP: no route",
    '404 with {"message": "Not Found"}; paths match exactly, including case and trailing slash',
    _ROUTES,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize("target", ["/", "/notes/", "/notes/1", "/Notes", "/nobody", "/private"])
async def test_a_request_without_route_is_not_found(web: LocalHttpApi, target: str) -> None:
    answer = await web.request("GET", target)
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
    assert answer.headers["apigw-requestid"]


@behaviour(
    "HTTP: $default",
    "The route $default gets all requests that match no other route, with the full path",
    _ROUTES,
    requires=Requirement.PROCESS,
)
async def test_default_gets_unmatched_requests() -> None:
    web = LocalHttpApi(keys=("GET /notes", "$default"))
    await web.start()
    event = await web.event("PUT", "/a/b")
    web.stop()
    assert (event["routeKey"], event["rawPath"]) == ("$default", "/a/b")


@behaviour(
    "HTTP: named stage",
    "The path begins with the stage's name, also in the event; with $default it does not",
    "http-api-stages",
    "https://github.com/KensioSoftware/yulin/pull/1037",
    confidence=Confidence.REPORTED,
    requires=Requirement.PROCESS,
)
async def test_a_named_stage_is_in_the_path() -> None:
    web = LocalHttpApi(stage="dev")
    await web.start()
    event = await web.event("GET", "/dev/notes")
    answer = await web.request("GET", "/notes")
    web.stop()
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/dev/notes", "dev")
    assert answer.status == 404


@behaviour(
    "HTTP: token in Authorization",
    "The header contains the token, with or without the prefix `Bearer`",
    _JWT,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
async def test_a_valid_token_is_accepted(web: LocalHttpApi, prefix: str) -> None:
    event = await web.event("POST", "/private", Authorization=prefix + web.token())
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "alice"


@behaviour(
    "HTTP: no token",
    '401 with {"message": "Unauthorized"} and a www-authenticate header, without invoking the '
    "function",
    _TROUBLE,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}])
async def test_a_missing_token_is_unauthorized(web: LocalHttpApi, headers: dict[str, Any]) -> None:
    answer = await web.request("POST", "/private", **headers)
    assert is_unauthorized(answer)
    assert answer.headers["www-authenticate"] == "bearer"
    assert not web.invoker.seen("web")


@behaviour(
    "HTTP: audience",
    "`aud`, or `client_id` in a token without `aud`, must be one of the authorizer's audiences; "
    "otherwise www-authenticate names the error",
    _JWT,
    _TROUBLE,
    requires=Requirement.PROCESS,
)
@pytest.mark.parametrize(
    ("claims", "accepted"),
    [
        ({"client_id": "client"}, True),
        ({"client_id": None, "aud": "client"}, True),
        ({"client_id": None, "aud": ["other", "client"]}, True),
        ({"client_id": "other"}, False),
        ({"client_id": None}, False),
        # `aud` takes precedence.
        ({"client_id": "client", "aud": "other"}, False),
    ],
)
async def test_a_token_must_have_the_clients_audience(
    web: LocalHttpApi, claims: dict[str, object], *, accepted: bool
) -> None:
    answer = await web.request("POST", "/private", Authorization=web.token(**claims))
    assert (answer.status == 200) is accepted
    if not accepted:
        assert is_unauthorized(answer)
        assert answer.headers["www-authenticate"] == (
            'bearer scope="" error="invalid_token" '
            'error_description="the token does not have a valid audience"'
        )


@behaviour(
    "HTTP: times of a token",
    "`exp` must be in the future, `nbf` and `iat` in the past; a token without `exp` is rejected "
    "(assumed)",
    _JWT,
    requires=Requirement.PROCESS,
)
async def test_a_token_is_valid_within_its_times(web: LocalHttpApi) -> None:
    now = web.clock.now_ms() // 1000
    expected = {
        ("exp", now + 60): 200,
        ("exp", now): 401,
        ("exp", now - 1): 401,
        ("exp", None): 401,
        ("exp", "tomorrow"): 401,
        ("nbf", now - 1): 200,
        ("nbf", now + 60): 401,
        ("iat", now + 60): 401,
        ("iat", None): 200,
    }
    for (name, value), status in expected.items():
        answer = await web.request("POST", "/private", Authorization=web.token(**{name: value}))
        assert answer.status == status, (name, value)


@behaviour(
    "HTTP: issuer and signature",
    "`iss` must be the authorizer's issuer; the signature must be RSA by the issuer's key `kid`",
    _JWT,
    requires=Requirement.PROCESS,
)
async def test_a_token_must_be_signed_by_its_issuer(web: LocalHttpApi) -> None:
    claims = {"iss": web.issuer.url, "client_id": "client", "exp": 4_000_000_000}
    other = LocalHttpApi()
    other.issuer.url = web.issuer.url
    good = web.sign(claims)
    header, payload, signature = good.split(".")
    bad = [
        web.token(iss="https://example.org"),
        web.token(iss=None),
        other.sign(claims),
        other.sign(claims, key_id=next(iter(web.issuer.keys))),
        web.sign(claims, key_id="unknown"),
        web.sign(claims, algorithm="HS256"),
        web.sign([1]),
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        "not-a-token",
        "..",
        "\u00e9",
    ]
    for token in bad:
        answer = await web.request("POST", "/private", Authorization=token)
        assert is_unauthorized(answer), token
    assert (await web.request("POST", "/private", Authorization=good)).status == 200


@behaviour(
    "HTTP: claims as strings",
    "requestContext.authorizer.jwt contains the claims as strings, an array as `[one two]`; scopes "
    "is null if the route has none",
    _JWT,
    "https://github.com/floci-io/floci/pull/2011",
    "https://github.com/floci-io/floci/issues/2010",
    "https://github.com/aws-solutions-library-samples/guidance-for-claude-code-with-amazon-bedrock/issues/802",
    confidence=Confidence.REPORTED,
    requires=Requirement.PROCESS,
)
async def test_claims_are_strings(web: LocalHttpApi) -> None:
    token = web.token(exp=4_000_000_000, verified=True, nobody=[])
    event = await web.event("POST", "/private", Authorization=token)
    jwt = event["requestContext"]["authorizer"]["jwt"]

    assert jwt["scopes"] is None
    claims = jwt["claims"]
    assert claims["cognito:groups"] == "[speakers operators]"
    assert (claims["exp"], claims["verified"], claims["nobody"]) == ("4000000000", "true", "[]")
    assert all(isinstance(value, str) for value in claims.values())
