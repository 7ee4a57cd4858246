"""Webhook signatures, and how often the secret is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.data_access.errors import StoreUnavailableError
from shared.devices.webhook_check import WebhookCheck
from shared.devices.webhook_signature import SignedBody
from shared.models.errors import ErrorCode, LingocastError
from shared.protocol.http_messages import HttpRequest
from tests.helpers.bus import signed_headers
from tests.helpers.doubles import ManualClock


class Vault:
    """A secret that counts its reads."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.secret = "first"
        self.reads = 0
        self.check = WebhookCheck(self.read, self.clock)

    def read(self) -> str:
        self.reads += 1
        return self.secret

    def passes(self, secret: str) -> bool:
        headers = signed_headers(secret, b"body", self.clock.now_ms() // 1000)
        lowered = {name.lower(): value for name, value in headers.items()}
        try:
            self.check.check(HttpRequest(lowered, b"body", self.clock.now_ms()))
        except LingocastError as error:
            if error.code is not ErrorCode.INVALID_SIGNATURE:
                raise
            return False
        return True


def test_the_secret_is_cached_for_five_minutes() -> None:
    vault = Vault()
    for _ in range(10):
        assert vault.passes("first")
    vault.clock.advance(299_999)
    assert vault.passes("first")
    assert vault.reads == 1
    vault.clock.advance(1)
    assert vault.passes("first")
    assert vault.reads == 2


def test_an_old_secret_expires_even_if_its_signatures_match() -> None:
    vault = Vault()
    assert vault.passes("first")
    vault.secret = "second"
    vault.clock.advance(300_000)

    assert not vault.passes("first")


def test_a_wrong_signature_makes_it_read_again() -> None:
    vault = Vault()
    assert vault.passes("first")
    vault.secret = "second"
    vault.clock.advance(10_000)

    assert vault.passes("second")
    assert vault.reads == 2


def test_wrong_signatures_do_not_make_it_read_each_time() -> None:
    vault = Vault()
    for _ in range(100):
        assert not vault.passes("guessed")
        vault.clock.advance(100)

    assert vault.reads <= 2


def test_an_unreadable_secret_is_not_a_wrong_signature() -> None:
    def fail() -> str:
        raise StoreUnavailableError("get_secret_value: AccessDenied")

    vault = Vault()
    vault.check = WebhookCheck(fail, vault.clock)

    with pytest.raises(StoreUnavailableError):
        vault.passes("first")


@given(
    st.dictionaries(
        st.sampled_from(["x-lingocast-timestamp", "x-lingocast-signature"]),
        st.text(max_size=80) | st.from_regex(r"v1=[0-9a-f]{64}") | st.from_regex(r"[0-9]{1,13}"),
    ),
    st.binary(max_size=20),
)
def test_arbitrary_headers_never_match(headers: dict[str, str], body: bytes) -> None:
    codes: list[ErrorCode] = []
    try:
        assert not SignedBody.of(headers, body, 1_700_000_000_000).matches("a secret")
    except LingocastError as error:
        codes.append(error.code)
    assert codes in ([], [ErrorCode.INVALID_SIGNATURE])


@given(st.binary(max_size=200), st.text(min_size=1, max_size=40), st.integers(0, 10**12 - 1))
def test_a_signature_matches_only_its_body_and_secret(
    body: bytes, secret: str, seconds: int
) -> None:
    secret = secret.encode(errors="replace").decode()
    headers = signed_headers(secret, body, seconds)
    lowered = {name.lower(): value for name, value in headers.items()}

    assert SignedBody.of(lowered, body, seconds * 1000).matches(secret)
    assert not SignedBody.of(lowered, body + b" ", seconds * 1000).matches(secret)
    assert not SignedBody.of(lowered, body, seconds * 1000).matches(secret + " ")


def test_signatures_of_openssl_match() -> None:
    """`printf '1700000000.{"channel":"user.alice"}' | openssl dgst -sha256 -hmac SECRET -r`"""
    made = "a88636c2bd2f288bb8c2a6a2a8ef7bcb0ed8a22d2fba9e140079278fc306f5b9"
    headers = {"x-lingocast-timestamp": "1700000000", "x-lingocast-signature": f"v1={made}"}
    signed = SignedBody.of(headers, b'{"channel":"user.alice"}', 1_700_000_000_000)

    assert signed.matches("local-sync-secret")
    assert not signed.matches("local-sync-secrets")
