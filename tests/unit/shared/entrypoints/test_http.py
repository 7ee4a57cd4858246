"""Handlers of the HTTP API answer every event with a status and JSON."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entrypoints.http import BodylessRoute, BodyRoute, HttpRoute, SignedRoute, http_handler
from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.protocol.http_messages import MAX_BODY_BYTES, HttpCaller, HttpRequest
from tests.helpers.doubles import RecordingTelemetry

POST, GET, HOOK = "POST /notes", "GET /notes", "POST /hook"
ALICE = {
    "sub": "alice",
    "token_use": "access",
    "cognito:groups": "[operators speakers]",
    "exp": "1600000000",
}


class Note(msgspec.Struct, frozen=True, kw_only=True):
    text: Annotated[str, msgspec.Meta(min_length=1)]
    note_kind: Literal["info", "alert"] = "info"


class Kept(msgspec.Struct, frozen=True):
    note_id: str
    owner: str


def event(
    route: str = POST,
    body: str | None = '{"text": "hello"}',
    claims: dict[str, str] | None = ALICE,
    *,
    encoded: bool = False,
    **headers: str,
) -> dict[str, Any]:
    context: dict[str, Any] = {"timeEpoch": 7, "routeKey": route}
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    given = {"body": body} if body is not None else {}
    return {
        "version": "2.0",
        "routeKey": route,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": encoded,
        **given,
    }


def ask(
    service: HttpRoute, given: dict[str, Any], telemetry: RecordingTelemetry | None = None
) -> tuple[int, dict[str, Any]]:
    handler = http_handler(
        {given["routeKey"]: service}, telemetry=telemetry or RecordingTelemetry()
    )
    result = handler(given, None)
    assert result["headers"] == {"content-type": "application/json"}
    return result["statusCode"], json.loads(result["body"])


def keep(caller: HttpCaller, note: Note) -> Kept:
    return Kept(f"{note.text}-{note.note_kind}", caller.user_id)


def refused(given: dict[str, Any]) -> tuple[int, str, str]:
    status, body = ask(BodyRoute(Note, keep), given)
    assert body.keys() == {"status", "code", "message"}
    assert body["status"] == "error"
    return status, body["code"], body["message"]


def test_a_body_reaches_its_service_and_the_answer_is_json() -> None:
    given = event(body='{"text": "hello", "note_kind": "alert", "unknown": 1}')

    assert ask(BodyRoute(Note, keep), given) == (200, {"note_id": "hello-alert", "owner": "alice"})


def test_a_base64_body_is_decoded() -> None:
    body = base64.b64encode(b'{"text": "hello"}').decode()

    status, answer = ask(BodyRoute(Note, keep), event(body=body, encoded=True))
    assert (status, answer["note_id"]) == (200, "hello-info")


def test_the_caller_is_read_from_the_claims() -> None:
    callers: list[HttpCaller] = []

    def see(caller: HttpCaller) -> Kept:
        callers.append(caller)
        return Kept("", "")

    for claim in ("[operators speakers admins]", "[operators]", "[]"):
        ask(BodylessRoute(see), event(GET, None, {**ALICE, "cognito:groups": claim}))
    without = {key: value for key, value in ALICE.items() if key != "cognito:groups"}
    ask(BodylessRoute(see), event(GET, None, without))

    assert [caller.user_id for caller in callers] == ["alice"] * 4
    assert [caller.received_at for caller in callers] == [7] * 4
    # Groups without rights are dropped.
    assert [set(caller.groups) for caller in callers] == [
        {"operators", "speakers"},
        {"operators"},
        set(),
        set(),
    ]


@pytest.mark.parametrize(
    "claims",
    [None, {}, {**ALICE, "token_use": "id"}, {"sub": "alice"}, {"token_use": "access"}],
)
def test_only_access_tokens_of_users_are_accepted(claims: dict[str, str] | None) -> None:
    # Even with an invalid body: callers without a token learn nothing about it.
    for body in ('{"text": "hello"}', "{", "x" * (MAX_BODY_BYTES + 1)):
        status, code, _ = refused(event(body=body, claims=claims))
        assert (status, code) == (401, "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "body: not JSON"),
        ("", "body: not JSON"),
        ("{", "body: not JSON"),
        ("text=hello", "body: not JSON"),
        ("[]", "body: expected object, got array"),
        ("{}", "text: missing"),
        ('{"text": 1}', "text: expected str, got int"),
        ('{"text": ""}', "text: expected str of length >= 1"),
        ('{"text": "a", "note_kind": "loud"}', "note_kind: 'loud' is not one of info, alert"),
    ],
)
def test_errors_name_the_field(body: str | None, told: str) -> None:
    assert refused(event(body=body)) == (400, "INVALID_MESSAGE", told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"text": "\\ud800"}', "text: half of a surrogate pair; send whole characters"),
        ('{"text": "a", "more": ' + "[" * 5_000 + "]" * 5_000 + "}", "more: nested too deeply"),
        ('\ufeff{"text": "a"}', "body: begins with a byte order mark; send the JSON without it"),
    ],
)
def test_errors_of_strict_decoding_name_the_field(body: str, told: str) -> None:
    assert refused(event(body=body)) == (400, "INVALID_MESSAGE", told)


def test_a_body_must_be_utf_8() -> None:
    body = base64.b64encode(b'{"text": "\xff"}').decode()

    assert refused(event(body=body, encoded=True)) == (400, "INVALID_MESSAGE", "body: not UTF-8")


def test_a_body_may_have_24_kb() -> None:
    most = json.dumps({"text": "x" * (MAX_BODY_BYTES - 12)})
    assert len(most) == MAX_BODY_BYTES
    assert ask(BodyRoute(Note, keep), event(body=most))[0] == 200

    status, code, told = refused(event(body=most + " "))
    assert (status, code) == (413, "MESSAGE_TOO_LARGE")
    assert told.startswith(f"body: {MAX_BODY_BYTES + 1} bytes")


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_the_catalogues_status(code: ErrorCode) -> None:
    def fail(_caller: HttpCaller) -> Kept:
        raise LingocastError(code, "field: remedy")

    assert ask(BodylessRoute(fail), event(GET)) == (
        CATALOGUE[code].status,
        {"status": "error", "code": code.value, "message": "field: remedy"},
    )


def test_unexpected_errors_are_internal_counted_and_without_detail() -> None:
    telemetry = RecordingTelemetry()

    def fail(_caller: HttpCaller) -> Kept:
        raise KeyError("the words of a secret")

    status, body = ask(BodylessRoute(fail), event(GET), telemetry)

    assert (status, body["code"]) == (500, "INTERNAL")
    assert "secret" not in json.dumps(body)
    assert telemetry.counts["InternalErrors"] == 1


def test_a_signed_route_gets_the_headers_and_the_exact_bytes() -> None:
    seen: list[HttpRequest] = []

    def receive(request: HttpRequest) -> Kept:
        seen.append(request)
        return Kept("1", "")

    body = b'{ "a" :\t1, "b": "\xc3\xa9" }\n'
    ask(SignedRoute(receive), event(HOOK, body.decode(), None, x_signature="v1=00"))
    encoded = base64.b64encode(body).decode()
    ask(SignedRoute(receive), event(HOOK, encoded, None, encoded=True, x_signature="v1=00"))

    assert seen == [HttpRequest({"x_signature": "v1=00"}, body, 7)] * 2


def test_a_signed_route_has_the_same_size_limit() -> None:
    status, body = ask(
        SignedRoute(lambda _: Kept("", "")), event(HOOK, "x" * (MAX_BODY_BYTES + 1), None)
    )

    assert (status, body["code"]) == (413, "MESSAGE_TOO_LARGE")


@given(st.one_of(st.text(), st.binary()))
def test_every_body_is_answered(body: str | bytes) -> None:
    if isinstance(body, bytes):
        given = event(body=base64.b64encode(body).decode(), encoded=True)
    else:
        given = event(body=body)
    status, _ = ask(BodyRoute(Note, keep), given)

    assert status in {200, 400}
