"""Signatures made by botocore and by the project's own signer, checked; and forged ones."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from local.credentials import LocalCredentials
from local.http_server import Request
from local.signatures import MAX_SKEW_SECONDS, SignatureVerifier, accept_all
from shared.utils.clock import SystemClock
from shared.utils.sigv4 import Signer
from tests.helpers.doubles import ManualClock

REGION = "eu-central-1"
HOST = "127.0.0.1:4321"
CREDENTIALS = LocalCredentials()
PATH = "/dev/%40connections/" + quote("a+/b=", safe="")
BODY = b'{"type":"audio"}'


def verifier(clock: Any = None, service: str = "execute-api") -> SignatureVerifier:
    return SignatureVerifier(CREDENTIALS, REGION, service, clock or SystemClock())


def signed(
    method: str = "POST",
    path: str = PATH,
    body: bytes = BODY,
    *,
    credentials: LocalCredentials = CREDENTIALS,
    region: str = REGION,
    service: str = "execute-api",
) -> Request:
    """A request as botocore signs and sends it, now."""
    request = AWSRequest(method=method, url=f"http://{HOST}{path}", data=body)
    keys = Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    SigV4Auth(keys, service, region).add_auth(request)
    headers = {"host": HOST} | {name.lower(): value for name, value in request.headers.items()}
    return make(method, path, body, headers)


def make(method: str, path: str, body: bytes, headers: dict[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request(method, path, raw, body)


paths = st.text("abcXYZ019-_.~+/= @%é", max_size=20).map(
    lambda text: "/dev/" + quote(text, safe="")
)


@given(st.sampled_from(["GET", "POST", "DELETE"]), paths, st.binary(max_size=50))
def test_what_botocore_signed_is_accepted(method: str, path: str, body: bytes) -> None:
    assert verifier()(signed(method, path, body)) is None


def test_a_query_is_part_of_what_is_signed() -> None:
    request = signed(path="/2015-03-31/functions/f/invocations?Qualifier=1&A=b")
    assert verifier()(request) is None
    assert verifier()(request._replace(target=request.target.replace("=1", "=2"))) is not None


@given(st.text("abc019+/=", min_size=1, max_size=16))
def test_what_the_projects_own_signer_signed_is_accepted(connection_id: str) -> None:
    clock = SystemClock()
    keys = ReadOnlyCredentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, CREDENTIALS.token)
    prepared = Signer(keys, REGION, "execute-api").prepare("POST", HOST, BODY, clock.now_ms())
    path = "/dev/%40connections/" + quote(connection_id, safe="")
    lines = [*prepared.headers, f"host: {HOST}", f"authorization: {prepared.authorization(path)}"]
    headers = dict(line.split(": ", 1) for line in lines)

    assert verifier(clock)(make("POST", path, BODY, headers)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"target": PATH + "x"},
        {"target": "http://[broken"},
        {"body": BODY + b" "},
    ],
)
def test_nothing_that_is_signed_can_be_changed(change: dict[str, Any]) -> None:
    fault = verifier()(signed()._replace(**change))
    assert fault is not None
    assert "does not match" in fault


@pytest.mark.parametrize(
    ("header", "value", "named"),
    [
        ("authorization", None, "Missing Authentication Token"),
        ("authorization", "Bearer abc", "AWS4-HMAC-SHA256"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host", "AWS4-HMAC-SHA256"),
        ("x-amz-date", None, "Credential"),
        ("x-amz-security-token", None, "token"),
        ("x-amz-security-token", "other", "token"),
        ("host", "elsewhere", "does not match"),
        ("host", None, "host"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD", "hash of the body"),
    ],
)
def test_headers_that_are_missing_or_changed_are_named(
    header: str, value: str | None, named: str
) -> None:
    request = signed()
    headers = request.headers
    headers.pop(header, None)
    if value is not None:
        headers[header] = value
    fault = verifier()(make(request.method, request.target, request.body, headers))
    assert fault is not None
    assert named in fault


@pytest.mark.parametrize(
    "other",
    [
        {"credentials": LocalCredentials(access_key="ASIAELSEWHERE")},
        {"credentials": LocalCredentials(CREDENTIALS.access_key, "wrong", CREDENTIALS.token)},
        {"region": "us-east-1"},
        {"service": "lambda"},
    ],
)
def test_other_keys_regions_and_services_are_refused(other: dict[str, Any]) -> None:
    assert verifier()(signed(**other)) is not None


def test_headers_that_should_be_signed_must_be() -> None:
    request = signed()
    headers = request.headers
    headers["authorization"] = headers["authorization"].replace("host;", "")
    fault = verifier()(make(request.method, request.target, request.body, headers))
    assert fault is not None
    assert "must be signed" in fault


@pytest.mark.parametrize("seconds", [-MAX_SKEW_SECONDS - 10, MAX_SKEW_SECONDS + 10])
def test_a_request_that_is_old_or_of_the_future_is_refused(seconds: int) -> None:
    clock = ManualClock(SystemClock().now_ms() + seconds * 1000)
    fault = verifier(clock)(signed())
    assert fault is not None
    assert "Signature expired" in fault


def test_a_malformed_date_is_refused() -> None:
    request = signed()
    headers = request.headers
    headers["x-amz-date"] = headers["x-amz-date"][:8]
    fault = verifier()(make(request.method, request.target, request.body, headers))
    assert fault is not None
    assert "x-amz-date" in fault


def test_credentials_show_no_secret() -> None:
    assert CREDENTIALS.secret_key not in repr(CREDENTIALS)
    assert CREDENTIALS.token not in repr(CREDENTIALS)


def test_all_is_accepted_where_nothing_is_verified() -> None:
    assert accept_all(make("POST", "/", b"", {})) is None  # type: ignore[func-returns-value]
