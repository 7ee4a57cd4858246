"""HTTP APIs: routes, and the JWT authorizer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.catalogue import Confidence, Needs, behaviour
from tests.conformance.http_driver import WebApi
from tests.integration.local.support import Answer

_JWT = "http-api-jwt-authorizer"
_TROUBLE = "http-api-troubleshooting-jwt"
_ROUTES = "http-api-develop-routes"


def is_refused(answer: Answer) -> bool:
    """In the gateway's own words."""
    return (answer.status, answer.json()) == (401, {"message": "Unauthorized"})


@behaviour(
    "HTTP: route by method and path",
    "The exact method and path first, then ANY of the path; the event names the route's key",
    _ROUTES,
    needs=Needs.PROCESS,
)
async def test_the_most_specific_route_wins(web: WebApi) -> None:
    assert (await web.event("GET"))["routeKey"] == "GET /notes"
    assert (await web.event("DELETE"))["routeKey"] == "ANY /notes"


@behaviour(
    "HTTP: no route",
    '404 with {"message": "Not Found"}; no parent, child or other case of a path counts',
    _ROUTES,
    needs=Needs.PROCESS,
)
@pytest.mark.parametrize("target", ["/", "/notes/", "/notes/1", "/Notes", "/nobody", "/private"])
async def test_what_has_no_route_is_not_found(web: WebApi, target: str) -> None:
    answer = await web.ask("GET", target)
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
    assert answer.headers["apigw-requestid"]


@behaviour(
    "HTTP: $default",
    "A route $default takes what no other route matches, with the whole path",
    _ROUTES,
    needs=Needs.PROCESS,
)
async def test_default_takes_the_rest() -> None:
    web = WebApi(keys=("GET /notes", "$default"))
    await web.start()
    event = await web.event("PUT", "/a/b")
    web.stop()
    assert (event["routeKey"], event["rawPath"]) == ("$default", "/a/b")


@behaviour(
    "HTTP: stage with a name",
    "Its name is the path's first part, also for the function; $default has no such part",
    "http-api-stages",
    "https://github.com/KensioSoftware/yulin/pull/1037",
    confidence=Confidence.REPORTED,
    needs=Needs.PROCESS,
)
async def test_a_named_stage_is_in_the_path() -> None:
    web = WebApi(stage="dev")
    await web.start()
    event = await web.event("GET", "/dev/notes")
    answer = await web.ask("GET", "/notes")
    web.stop()
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/dev/notes", "dev")
    assert answer.status == 404


@behaviour(
    "HTTP: token in Authorization",
    "The header is the token, with or without `Bearer` in front",
    _JWT,
    needs=Needs.PROCESS,
)
@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
async def test_a_token_lets_in(web: WebApi, prefix: str) -> None:
    event = await web.event("POST", "/private", Authorization=prefix + web.token())
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "alice"


@behaviour(
    "HTTP: no token",
    '401 with {"message": "Unauthorized"} and a www-authenticate header; the function is not asked',
    _TROUBLE,
    needs=Needs.PROCESS,
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}])
async def test_without_a_token_nobody_is_asked(web: WebApi, headers: dict[str, Any]) -> None:
    answer = await web.ask("POST", "/private", **headers)
    assert is_refused(answer)
    assert answer.headers["www-authenticate"] == "bearer"
    assert not web.invoker.seen("web")


@behaviour(
    "HTTP: audience",
    "`aud`, or `client_id` where there is no `aud`, must be one of the authorizer's; "
    "www-authenticate says so",
    _JWT,
    _TROUBLE,
    needs=Needs.PROCESS,
)
@pytest.mark.parametrize(
    ("claims", "lets_in"),
    [
        ({"client_id": "client"}, True),
        ({"client_id": None, "aud": "client"}, True),
        ({"client_id": None, "aud": ["other", "client"]}, True),
        ({"client_id": "other"}, False),
        ({"client_id": None}, False),
        # With both, `aud` counts.
        ({"client_id": "client", "aud": "other"}, False),
    ],
)
async def test_a_token_must_be_for_the_client(
    web: WebApi, claims: dict[str, object], *, lets_in: bool
) -> None:
    answer = await web.ask("POST", "/private", Authorization=web.token(**claims))
    assert (answer.status == 200) is lets_in
    if not lets_in:
        assert is_refused(answer)
        assert answer.headers["www-authenticate"] == (
            'bearer scope="" error="invalid_token" '
            'error_description="the token does not have a valid audience"'
        )


@behaviour(
    "HTTP: times of a token",
    "`exp` must be after now, `nbf` and `iat` before; a token without `exp` is refused (assumed)",
    _JWT,
    needs=Needs.PROCESS,
)
async def test_a_token_counts_in_its_time(web: WebApi) -> None:
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
        answer = await web.ask("POST", "/private", Authorization=web.token(**{name: value}))
        assert answer.status == status, (name, value)


@behaviour(
    "HTTP: issuer and signature",
    "`iss` must be the authorizer's issuer; `kid` must name a key of it that has signed, with RSA",
    _JWT,
    needs=Needs.PROCESS,
)
async def test_a_token_must_be_signed_by_its_issuer(web: WebApi) -> None:
    claims = {"iss": web.issuer.url, "client_id": "client", "exp": 4_000_000_000}
    other = WebApi()
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
        answer = await web.ask("POST", "/private", Authorization=token)
        assert is_refused(answer), token
    assert (await web.ask("POST", "/private", Authorization=good)).status == 200


@behaviour(
    "HTTP: claims as texts",
    "requestContext.authorizer.jwt has the claims, each a text, an array as `[one two]`; scopes is "
    "null where the route has none",
    _JWT,
    "https://github.com/floci-io/floci/pull/2011",
    "https://github.com/floci-io/floci/issues/2010",
    "https://github.com/aws-solutions-library-samples/guidance-for-claude-code-with-amazon-bedrock/issues/802",
    confidence=Confidence.REPORTED,
    needs=Needs.PROCESS,
)
async def test_claims_are_texts(web: WebApi) -> None:
    token = web.token(exp=4_000_000_000, verified=True, nobody=[])
    event = await web.event("POST", "/private", Authorization=token)
    jwt = event["requestContext"]["authorizer"]["jwt"]

    assert jwt["scopes"] is None
    claims = jwt["claims"]
    assert claims["cognito:groups"] == "[speakers operators]"
    assert (claims["exp"], claims["verified"], claims["nobody"]) == ("4000000000", "true", "[]")
    assert all(isinstance(value, str) for value in claims.values())
