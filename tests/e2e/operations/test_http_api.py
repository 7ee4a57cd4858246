"""The HTTP API conforms to its OpenAPI document, for generated requests."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode, checks

from infrastructure.api import openapi
from infrastructure.catalogue.http_routes import HTTP_ROUTES, HttpRouteSpec
from local.endpoints import Endpoints
from shared.protocol.http_messages import MAX_BODY_BYTES
from tests.e2e.support.clients import StackClients
from tests.e2e.support.stacks import launch_quiet

_TIMEOUT_SECONDS = 30
_SECRET = b"local-sync-secret"
# Without the check for 405: API Gateway answers other methods with 404.
_CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
# Few examples: each request writes a row or announces to everyone.
_bounded = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
every_route = pytest.mark.parametrize("spec", HTTP_ROUTES, ids=lambda spec: spec.key)
taking_bodies = pytest.mark.parametrize(
    "spec", [spec for spec in HTTP_ROUTES if spec.request], ids=lambda spec: spec.key
)
authorized = pytest.mark.parametrize(
    "spec", [spec for spec in HTTP_ROUTES if spec.authorized], ids=lambda spec: spec.key
)


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Endpoints]:
    """A stack of its own: announcements to everyone would disturb other tests."""
    with launch_quiet() as running:
        yield running


@pytest.fixture(scope="module")
def token(endpoints: Endpoints) -> str:
    """A token with all groups that the API asks for."""
    return StackClients(endpoints).token("olga", "operators", "speakers")


def operation(spec: HttpRouteSpec) -> Any:
    """The route in the document, without security: the tests add tokens and signatures."""
    document = json.loads(openapi.DOCUMENT.read_text())
    described = document["paths"][spec.path][spec.method.lower()]
    described["security"] = []
    described.pop("parameters", None)
    return schemathesis.openapi.from_dict(document)[spec.path][spec.method]


def proof(spec: HttpRouteSpec, token: str, body: bytes) -> dict[str, str]:
    """The headers that authorize a request: a token, or a signature."""
    if spec.authorized:
        return {"Authorization": f"Bearer {token}"}
    now = str(int(time.time()))
    signature = hmac.new(_SECRET, f"{now}.".encode() + body, "sha256").hexdigest()
    return {"X-Lingocast-Timestamp": now, "X-Lingocast-Signature": f"v1={signature}"}


def body_of(case: Case[Any], url: str) -> bytes:
    """The bytes of the case's body."""
    sent = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare().body
    assert isinstance(sent, (str, bytes, type(None)))
    return sent.encode() if isinstance(sent, str) else sent or b""


def call(case: Case[Any], spec: HttpRouteSpec, endpoints: Endpoints, token: str) -> Any:
    """Send the case with authorization; returns the response."""
    url = str(endpoints.http_url)
    return case.call(
        base_url=url, headers=proof(spec, token, body_of(case, url)), timeout=_TIMEOUT_SECONDS
    )


@every_route
def test_well_formed_requests_are_answered_as_documented(
    endpoints: Endpoints, token: str, spec: HttpRouteSpec
) -> None:
    seen: set[int] = set()

    @given(case=operation(spec).as_strategy())
    @_bounded
    def check(case: Case[Any]) -> None:
        answer = call(case, spec, endpoints, token)
        seen.add(answer.status_code)
        case.validate_response(answer, checks=_CHECKS)

    check()
    # Rules beyond the document may refuse some requests, but not all, and none as unauthorized.
    assert seen & {200, 404}
    assert 401 not in seen


@taking_bodies
def test_malformed_requests_are_refused_as_documented(
    endpoints: Endpoints, token: str, spec: HttpRouteSpec
) -> None:
    @given(case=operation(spec).as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @_bounded
    def check(case: Case[Any]) -> None:
        answer = call(case, spec, endpoints, token)
        case.validate_response(answer, checks=[*_CHECKS, checks.negative_data_rejection])
        assert answer.status_code in {400, 413}, answer.text
        assert answer.json()["status"] == "error"

    check()


@taking_bodies
def test_the_documented_example_is_accepted(
    endpoints: Endpoints, token: str, spec: HttpRouteSpec
) -> None:
    document = json.loads(openapi.DOCUMENT.read_text())
    described = document["paths"][spec.path][spec.method.lower()]
    example = described["requestBody"]["content"]["application/json"]["example"]
    case = operation(spec).Case(body=example, media_type="application/json")
    answer = call(case, spec, endpoints, token)

    case.validate_response(answer, checks=_CHECKS)
    # The example's ids need not exist.
    assert answer.status_code in {200, 404}, answer.text


@authorized
def test_requests_without_an_access_token_are_refused(
    endpoints: Endpoints, spec: HttpRouteSpec
) -> None:
    expired = StackClients(endpoints).token("olga", "operators", expiresIn=-1)
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {expired}"}):
        answer = requests.request(
            spec.method,
            f"{endpoints.http_url}{spec.path}",
            headers=headers,
            timeout=_TIMEOUT_SECONDS,
        )
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


@taking_bodies
def test_a_body_that_is_too_large(endpoints: Endpoints, token: str, spec: HttpRouteSpec) -> None:
    body = b'"' + b"x" * MAX_BODY_BYTES + b'"'
    answer = requests.request(
        spec.method,
        f"{endpoints.http_url}{spec.path}",
        data=body,
        headers={**proof(spec, token, body), "Content-Type": "application/json"},
        timeout=_TIMEOUT_SECONDS,
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "MESSAGE_TOO_LARGE")


def test_unknown_paths_are_answered_by_the_gateway(endpoints: Endpoints) -> None:
    answer = requests.get(f"{endpoints.http_url}/nobody", timeout=_TIMEOUT_SECONDS)

    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})
