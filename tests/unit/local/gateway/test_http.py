"""The HTTP gateway under arbitrary requests and function results."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.gateway.http_events import HttpEventFactory
from local.gateway.http_results import to_response
from local.http.messages import Request, Response
from local.identity.jwt_authorizer import as_texts
from local.runtime.invocation import Outcome
from local.template.model import AwsEnvironment, HttpApi, HttpRoute
from tests.conformance.http_driver import LocalHttpApi

WEB = LocalHttpApi()
TOKEN = WEB.token()
EVENTS = HttpEventFactory(HttpApi("web", "$default", {}), AwsEnvironment())
ROUTE = HttpRoute("ANY /notes", "web")

# Header values that are valid on the wire.
values = st.binary(max_size=40).filter(lambda value: not {10, 13, 0} & set(value))
names = st.sampled_from([b"authorization", b"content-type", b"cookie", b"x-one", b"user-agent"])
targets = st.one_of(
    st.sampled_from(["/notes", "/private", "/notes?a=1", "*", "http://host/notes"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=30),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "BREW"]),
    target=targets,
    headers=st.lists(st.tuples(names, values), max_size=5),
    body=st.binary(max_size=100),
)
def test_every_request_gets_a_response(
    method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    response = asyncio.run(WEB.gateway.handle(Request(method, target, headers, body)))

    assert response.status in {200, 401, 404}


@given(parts=st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_a_token_of_another_issuer_is_rejected(parts: list[bytes]) -> None:
    token = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    request = Request("POST", "/private", [(b"authorization", b"Bearer " + token)], b"")

    assert asyncio.run(WEB.gateway.handle(request)).status == 401


@given(
    position=st.integers(min_value=0, max_value=len(TOKEN) - 1), letter=st.sampled_from("Ab9-_.")
)
def test_a_token_with_a_changed_letter_is_rejected(position: int, letter: str) -> None:
    changed = TOKEN[:position] + letter + TOKEN[position + 1 :]
    request = Request("POST", "/private", [(b"authorization", changed.encode())], b"")
    status = asyncio.run(WEB.gateway.handle(request)).status

    # The last letter of a signature has unused bits.
    unchanged = changed == TOKEN or position == len(TOKEN) - 1
    assert status == 401 or (unchanged and status == 200)


@given(
    body=st.binary(min_size=1, max_size=100), kind=st.sampled_from(["application/json", "", "x/y"])
)
def test_a_body_reaches_the_function_unchanged(body: bytes, kind: str) -> None:
    headers = [(b"content-type", kind.encode())] if kind else []
    request = Request("POST", "/notes", headers, body)
    event = EVENTS.build(request, ROUTE, None, request_id="r", now_ms=1)
    sent = event["body"]

    assert (base64.b64decode(sent) if event["isBase64Encoded"] else sent.encode()) == body


@given(claims=st.dictionaries(st.text(max_size=9), json_values))
def test_all_claims_become_strings(claims: dict[str, Any]) -> None:
    texts = as_texts(claims)

    assert texts.keys() == claims.keys()
    assert all(isinstance(value, str) for value in texts.values())


def is_well_formed(response: Response) -> bool:
    """Whether it is one head and a body of the announced length."""
    head, _, body = response.wire.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lengths = [line for line in lines if line.lower().startswith(b"content-length: ")]
    if response.status in {204, 304}:
        return body == b""
    return lengths == [f"Content-Length: {len(body)}".encode()]


@given(
    result=st.one_of(
        json_values,
        st.fixed_dictionaries(
            {"statusCode": st.one_of(st.integers(), json_values)},
            optional={
                "headers": st.dictionaries(st.text(max_size=9), json_values) | json_values,
                "cookies": st.lists(json_values) | json_values,
                "body": json_values,
                "isBase64Encoded": json_values,
            },
        ),
    )
)
def test_every_result_becomes_a_well_formed_response(result: object) -> None:
    response = to_response(Outcome(json.dumps(result).encode()), "r")

    assert is_well_formed(response)
    assert 200 <= response.status <= 599
