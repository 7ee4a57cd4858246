"""Signatures equal botocore's for arbitrary requests."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from shared.utils.sigv4 import Signer, host_of
from tests.helpers.botocore_signature import botocore_authorization

DAY_MS = 86_400_000

tokens = st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=900)
credentials = st.builds(
    ReadOnlyCredentials,
    st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=20),
    st.text(string.ascii_letters + string.digits + "+/", min_size=1, max_size=40),
    st.none() | tokens,
)
regions = st.sampled_from(["us-east-1", "eu-central-2", "cn-north-1", "us-gov-west-1"])
services = st.sampled_from(["execute-api", "lambda"])
hosts = st.from_regex(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?(\.[a-z]{2,10}){0,4}", fullmatch=True
)
origins = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https"]),
    hosts | st.sampled_from(["127.0.0.1", "[::1]"]),
    st.just("") | st.integers(1, 65_535).map(":{}".format) | st.sampled_from([":80", ":443"]),
)
segments = st.text(min_size=1, max_size=30).filter(lambda text: text not in (".", ".."))
connection_ids = st.builds(
    "{}{}".format,
    st.text(string.ascii_letters + string.digits + "/+-_@", min_size=1, max_size=20),
    st.sampled_from(["", "=", "=="]),
)
# Clients may leave these characters unencoded; the second encoding must handle both.
safe_characters = st.sampled_from(["", "@", "=+", "@:!$&'()*,;=+~"])
paths = st.builds(
    lambda parts, safe: "".join(f"/{quote(part, safe=safe)}" for part in parts),
    st.lists(segments | connection_ids | st.just("@connections"), min_size=1, max_size=4),
    safe_characters,
).filter(lambda path: not {".", ".."} & set(path.split("/")))
times = st.integers(0, 4_000_000_000_000) | st.builds(
    lambda day, offset: day * DAY_MS + offset,
    st.integers(1, 40_000),
    st.integers(-2_000, 2_000),
)


@given(
    credentials=credentials,
    region=regions,
    service=services,
    origin=origins,
    requests=st.lists(
        st.tuples(
            st.sampled_from(["POST", "DELETE", "GET"]), paths, st.binary(max_size=200), times
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_signs_like_botocore(
    credentials: ReadOnlyCredentials,
    region: str,
    service: str,
    origin: str,
    requests: list[tuple[str, str, bytes, int]],
) -> None:
    signer = Signer(credentials, region, service)
    for method, path, body, now_ms in requests:
        prepared = signer.prepare(method, host_of(origin), body, now_ms)
        timestamp = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
        assert prepared.authorization(path) == botocore_authorization(
            credentials,
            region,
            service,
            method=method,
            url=origin + path,
            body=body,
            timestamp=timestamp,
        )
        assert f"x-amz-date: {timestamp}" in prepared.headers


def test_sends_the_session_token_of_temporary_credentials() -> None:
    temporary = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "session-token")
    prepared = Signer(temporary, "us-east-1", "execute-api").prepare("GET", "host", b"", 0)
    assert prepared.headers == [
        "x-amz-date: 19700101T000000Z",
        "x-amz-security-token: session-token",
    ]


def test_needs_no_token_with_permanent_credentials() -> None:
    permanent = ReadOnlyCredentials("AKIDEXAMPLE", "secret", None)
    prepared = Signer(permanent, "us-east-1", "execute-api").prepare("GET", "host", b"", 0)
    assert prepared.headers == ["x-amz-date: 19700101T000000Z"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Abc.Example.com/prod", "abc.example.com"),
        ("https://abc.example.com:443", "abc.example.com"),
        ("http://abc.example.com:443", "abc.example.com:443"),
        ("http://127.0.0.1:3001/local", "127.0.0.1:3001"),
        ("http://[::1]:80", "[::1]"),
    ],
)
def test_host_leaves_out_the_schemes_own_port(url: str, host: str) -> None:
    assert host_of(url) == host


def test_refuses_credentials_without_a_key() -> None:
    with pytest.raises(ValueError, match="without a key"):
        Signer(ReadOnlyCredentials("AKIDEXAMPLE", "", None), "us-east-1", "execute-api")
