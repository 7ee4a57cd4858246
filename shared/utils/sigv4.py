"""Signature Version 4 for many requests that differ only in their path.

botocore signs each request from scratch, which costs more than sending it. This module derives the
day's key once and hashes the payload once; each request then takes one SHA-256 of the canonical
request and one HMAC. It signs what AWS requires: the method, the host, the path, the time, the
session token, the payload, and the headers that a caller names.

Rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
Property tests compare every signature with botocore's `SigV4Auth`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HMAC_BLOCK = 64
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))

# Access key, secret key and session token.
_Keys = tuple[str | None, str | None, str | None]


class Credentials(Protocol):
    """Frozen AWS credentials of botocore, which types all fields as optional."""

    @property
    def access_key(self) -> str | None:
        """The access key id."""

    @property
    def secret_key(self) -> str | None:
        """The secret access key."""

    @property
    def token(self) -> str | None:
        """The session token of temporary credentials."""


def host_of(url: str) -> str:
    """Return the Host header for `url`: lower case, without the scheme's default port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"


class PreparedRequests:
    """The signature parts shared by requests with one method, host, time and body."""

    __slots__ = ("_after_path", "_authorization", "_before_path", "_inner", "_outer", "headers")

    def __init__(
        self, key: bytes, signed: dict[str, str], method: str, credential: str, body: bytes
    ) -> None:
        names = ";".join(sorted(signed))
        headers = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
        timestamp = signed["x-amz-date"]
        scope = credential.partition("/")[2]
        self._before_path = f"{method}\n".encode()
        # The empty line is the query string: these requests have none.
        self._after_path = f"\n\n{headers}\n{names}\n{sha256(body).hexdigest()}".encode()
        # HMAC, as RFC 2104 defines it. Copies of the two hashes, which have absorbed the key and
        # the constant part of the text, take a third of the time of `hmac.digest`.
        padded = key.ljust(_HMAC_BLOCK, b"\0")
        self._inner = sha256(padded.translate(_INNER_PAD))
        self._inner.update(f"{_ALGORITHM}\n{timestamp}\n{scope}\n".encode())
        self._outer = sha256(padded.translate(_OUTER_PAD))
        self._authorization = (
            f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature="
        )
        #: Header lines of every request, besides Host and Authorization.
        self.headers = [f"{name}: {value}" for name, value in signed.items() if name != "host"]

    def authorization(self, path: str) -> str:
        """Return the value of the Authorization header for `path`, encoded as in the URL.

        `path` must not contain empty, `.` or `..` segments, which this does not normalise.
        """
        canonical = self._before_path + _encode_again(path) + self._after_path
        inner = self._inner.copy()
        inner.update(sha256(canonical).hexdigest().encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return self._authorization + outer.hexdigest()


# Cached, since each chunk goes to the same connections.
@lru_cache(maxsize=16_384)
def _encode_again(path: str) -> bytes:
    """Encode a path a second time, as all services but S3 require."""
    return quote(path, safe="/~").encode()


class Signer:
    """Signs for one service in one region with one set of credentials. Thread-safe.

    Raises ValueError if the credentials lack a key.
    """

    def __init__(self, credentials: Credentials, region: str, service: str) -> None:
        if not credentials.access_key or not credentials.secret_key:
            raise ValueError("credentials without a key")
        self._access_key = credentials.access_key
        self._secret_key = credentials.secret_key
        self._token = credentials.token
        self._region = region
        self._service = service
        # One value, so that no thread sees a new day with the key of the one before.
        self._key_of_day = ("", b"")

    def prepare(
        self,
        method: str,
        host: str,
        body: bytes,
        now_ms: int,
        headers: Mapping[str, str] | None = None,
    ) -> PreparedRequests:
        """Prepare the parts that do not depend on the path.

        `headers` are signed too; their names are in lower case.

        `host` is the Host header to be sent (see `host_of`); `now_ms` is in ms since the epoch. AWS
        accepts a signature within five minutes of its time.
        """
        timestamp = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
        day = timestamp[:8]
        key_day, key = self._key_of_day
        if day != key_day:
            key = self._derive(day)
            self._key_of_day = (day, key)
        signed = {"host": host, "x-amz-date": timestamp, **(headers or {})}
        if self._token:
            signed["x-amz-security-token"] = self._token
        credential = f"{self._access_key}/{day}/{self._region}/{self._service}/aws4_request"
        return PreparedRequests(key, signed, method, credential, body)

    def _derive(self, day: str) -> bytes:
        key = f"AWS4{self._secret_key}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


class SignerSource:
    """Provides a signer for the current credentials. Thread-safe.

    `credentials` is called each time (botocore's `get_frozen_credentials`), so credentials may
    rotate. Its exceptions propagate.
    """

    def __init__(self, credentials: Callable[[], Credentials], region: str, service: str) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service
        # The last signer, with the keys that it signs with.
        self._last: tuple[_Keys, Signer] | None = None

    def current(self) -> Signer:
        """Return the current signer, a new one if the credentials have changed."""
        credentials, last = self._credentials(), self._last
        keys = (credentials.access_key, credentials.secret_key, credentials.token)
        if last is not None and last[0] == keys:
            return last[1]
        signer = Signer(credentials, self._region, self._service)
        self._last = (keys, signer)
        return signer
