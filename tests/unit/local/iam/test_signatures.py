"""Verification of signatures by botocore, by the project's own signer, and of forged ones."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from local.http.messages import Request
from local.iam.credentials import LocalCredentials
from local.iam.principals import Principal, Principals
from local.iam.signatures import MAX_SKEW_SECONDS, FaultKind, SignatureFault, SignatureVerifier
from local.template.model import AwsEnvironment
from shared.utils.clock import SystemClock
from shared.utils.sigv4 import Signer
from tests.helpers.doubles import ManualClock
from tests.unit.local import stacks

REGION = "eu-central-1"
HOST = "127.0.0.1:4321"
OPERATOR = LocalCredentials()
CALLERS = Principals([stacks.function("f"), stacks.function("g")], AwsEnvironment())
PATH = "/dev/%40connections/" + quote("a+/b=", safe="")
BODY = b'{"type":"audio"}'


def verifier(clock: Any = None, service: str = "execute-api") -> SignatureVerifier:
    return SignatureVerifier(CALLERS, REGION, service, clock or SystemClock())


def signed(
    method: str = "POST",
    path: str = PATH,
    body: bytes = BODY,
    *,
    credentials: LocalCredentials = OPERATOR,
    region: str = REGION,
    service: str = "execute-api",
    headers: dict[str, str] | None = None,
) -> Request:
    """A request signed by botocore at the current time."""
    request = AWSRequest(
        method=method, url=f"http://{HOST}{path}", data=body, headers=headers or {}
    )
    keys = Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    SigV4Auth(keys, service, region).add_auth(request)
    sent = {"host": HOST} | {name.lower(): value for name, value in request.headers.items()}
    return make(method, path, body, sent)


def make(method: str, path: str, body: bytes, headers: dict[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request(method, path, raw, body)


def fault(request: Request, verify: SignatureVerifier | None = None) -> SignatureFault:
    found = (verify or verifier())(request)
    assert isinstance(found, SignatureFault)
    return found


def caller(request: Request, verify: SignatureVerifier | None = None) -> Principal:
    found = (verify or verifier())(request)
    assert isinstance(found, Principal), found
    return found


paths = st.lists(st.text("abcXYZ019-_.~+= @%é", max_size=8), max_size=4).map(
    lambda segments: "/" + "/".join(quote(segment, safe="@") for segment in segments)
)
queries = st.lists(
    st.tuples(st.text("abAB01-", min_size=1, max_size=4), st.text("ab01+/", max_size=4)),
    max_size=4,
).map(lambda pairs: "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs))
header_values = st.text("abc 019;=", min_size=1, max_size=12).filter(str.strip)


@given(
    st.sampled_from(["GET", "POST", "DELETE"]),
    paths,
    queries,
    st.binary(max_size=50),
    st.dictionaries(st.sampled_from(["X-Amz-Target", "Content-Type", "X-Other"]), header_values),
)
def test_botocores_signatures_are_accepted(
    method: str, path: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    target = f"{path}?{query}" if query else path
    assert caller(signed(method, target, body, headers=headers)).function is None


def test_the_query_string_is_signed() -> None:
    request = signed(path="/2015-03-31/functions/f/invocations?Qualifier=1&A=b")
    assert caller(request)
    changed = request._replace(target=request.target.replace("=1", "=2"))
    assert fault(changed).kind is FaultKind.WRONG


@given(st.text("abc019+/=", min_size=1, max_size=16))
def test_the_projects_own_signatures_are_accepted(connection_id: str) -> None:
    clock = SystemClock()
    keys = ReadOnlyCredentials(OPERATOR.access_key, OPERATOR.secret_key, OPERATOR.token)
    prepared = Signer(keys, REGION, "execute-api").prepare("POST", HOST, BODY, clock.now_ms())
    path = "/dev/%40connections/" + quote(connection_id, safe="")
    lines = [*prepared.headers, f"host: {HOST}", f"authorization: {prepared.authorization(path)}"]
    headers = dict(line.split(": ", 1) for line in lines)

    assert caller(make("POST", path, BODY, headers), verifier(clock))


@pytest.mark.parametrize("name", ["f", "g"])
def test_a_signature_identifies_the_function(name: str) -> None:
    found = caller(signed(credentials=LocalCredentials.of_function(name)))
    assert found.function == name
    assert found.arn == f"arn:aws:sts::000000000000:assumed-role/role-of-{name}/{name}"


def test_each_functions_credentials_are_unique_and_the_same_in_every_run() -> None:
    first, second = LocalCredentials.of_function("f"), LocalCredentials.of_function("g")
    assert first == LocalCredentials.of_function("f")
    assert first.access_key != second.access_key
    assert first.secret_key != second.secret_key
    assert first.token != second.token
    # As IAM makes them: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
    assert (len(first.access_key), len(first.secret_key)) == (20, 40)


def test_a_functions_token_is_invalid_for_another_function() -> None:
    first, second = LocalCredentials.of_function("f"), LocalCredentials.of_function("g")
    mixed = LocalCredentials(first.access_key, first.secret_key, second.token)
    assert fault(signed(credentials=mixed)).kind is FaultKind.UNKNOWN_CALLER
    mixed = LocalCredentials(first.access_key, second.secret_key, first.token)
    assert fault(signed(credentials=mixed)).kind is FaultKind.WRONG


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"target": PATH + "x"},
        {"target": "http://[broken"},
        {"body": BODY + b" "},
    ],
)
def test_a_change_to_a_signed_part_is_detected(change: dict[str, Any]) -> None:
    assert "does not match" in fault(signed()._replace(**change)).message


@pytest.mark.parametrize(
    ("header", "value", "kind", "named"),
    [
        ("authorization", None, FaultKind.MISSING, "Missing Authentication Token"),
        ("authorization", "Bearer abc", FaultKind.MISSING, "Missing Authentication Token"),
        ("authorization", "AWS4-HMAC-SHA256 x", FaultKind.INCOMPLETE, "AWS4-HMAC-SHA256"),
        ("x-amz-date", None, FaultKind.INCOMPLETE, "X-Amz-Date"),
        ("x-amz-security-token", None, FaultKind.UNKNOWN_CALLER, "token"),
        ("x-amz-security-token", "other", FaultKind.UNKNOWN_CALLER, "token"),
        ("host", "elsewhere", FaultKind.WRONG, "does not match"),
        ("host", None, FaultKind.WRONG, "host"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD", FaultKind.WRONG, "does not match the body"),
    ],
)
def test_missing_or_changed_headers_are_named_in_the_message(
    header: str, value: str | None, kind: FaultKind, named: str
) -> None:
    request = signed()
    headers = request.headers
    headers.pop(header, None)
    if value is not None:
        headers[header] = value
    found = fault(make(request.method, request.target, request.body, headers))
    assert found.kind is kind
    assert named in found.message


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        ({"credentials": LocalCredentials(access_key="ASIAELSE")}, FaultKind.UNKNOWN_CALLER),
        (
            {"credentials": LocalCredentials(OPERATOR.access_key, "wrong", OPERATOR.token)},
            FaultKind.WRONG,
        ),
        ({"region": "us-east-1"}, FaultKind.WRONG),
        ({"service": "lambda"}, FaultKind.WRONG),
    ],
)
def test_other_keys_regions_and_services_are_rejected(
    other: dict[str, Any], kind: FaultKind
) -> None:
    assert fault(signed(**other)).kind is kind


def test_required_headers_must_be_signed() -> None:
    request = signed()
    headers = request.headers
    headers["authorization"] = headers["authorization"].replace("host;", "")
    found = fault(make(request.method, request.target, request.body, headers))
    assert "must be 'SignedHeaders'" in found.message


@pytest.mark.parametrize("seconds", [-MAX_SKEW_SECONDS - 10, MAX_SKEW_SECONDS + 10])
def test_a_request_from_the_past_or_future_is_rejected(seconds: int) -> None:
    clock = ManualClock(SystemClock().now_ms() + seconds * 1000)
    assert "Signature expired" in fault(signed(), verifier(clock)).message


def test_a_malformed_date_is_rejected() -> None:
    request = signed()
    headers = request.headers
    headers["x-amz-date"] = headers["x-amz-date"][:8]
    found = fault(make(request.method, request.target, request.body, headers))
    assert "X-Amz-Date" in found.message


def test_the_repr_of_credentials_hides_secrets() -> None:
    for credentials in (OPERATOR, LocalCredentials.of_function("f")):
        assert credentials.secret_key not in repr(credentials)
        assert credentials.token not in repr(credentials)
