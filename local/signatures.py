"""Checks Signature Version 4 with botocore's own signer: it signs again and compares.

That is slow (some 40 µs) and independent of the project's own signer, which is the point.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.credentials import LocalCredentials
from local.http_server import Request
from shared.utils.clock import Clock

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html: a request
# must reach AWS within five minutes of its time stamp.
MAX_SKEW_SECONDS = 300
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
)
_BODY_HASH = "x-amz-content-sha256"
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"

#: Why a request is refused, in AWS's words, or None if its signature is right.
Verifier = Callable[[Request], str | None]


def accept_all(_request: Request) -> None:
    """A verifier for load: signatures are made, but nobody spends time on checking them."""


class SignatureVerifier:
    """Accepts what was signed with this run's credentials for one service."""

    def __init__(
        self, credentials: LocalCredentials, region: str, service: str, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service
        self._clock = clock

    def __call__(self, request: Request) -> str | None:
        """Why the request is refused, or None."""
        headers = request.headers
        authorization = headers.get("authorization")
        if authorization is None:
            return "Missing Authentication Token"
        parsed = _AUTHORIZATION.fullmatch(authorization)
        if parsed is None:
            return "Authorization header is no AWS4-HMAC-SHA256 signature"
        credential, names, signature = parsed.groups()
        signed = names.split(";")
        for fault in self._faults(request, headers, credential, signed):
            return fault
        try:
            expected = self._sign(request, headers, signed)
        except ValueError:  # of a target that is no path
            expected = ""
        if not hmac.compare_digest(expected, signature):
            return "The request signature we calculated does not match the signature you provided."
        return None

    def _faults(
        self, request: Request, headers: dict[str, str], credential: str, signed: list[str]
    ) -> Iterator[str]:
        """What is wrong whatever the signature is."""
        timestamp = headers.get("x-amz-date", "")
        scope = f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request"
        if credential != f"{self._credentials.access_key}/{scope}":
            yield f"Credential should be of this run and scoped to {scope}"
        if headers.get("x-amz-security-token") != self._credentials.token:
            yield "The security token included in the request is invalid."
        if not {"host", "x-amz-date", "x-amz-security-token"} <= set(signed):
            yield "'host', 'x-amz-date' and 'x-amz-security-token' must be signed headers"
        if missing := [name for name in signed if name not in headers]:
            yield f"Signed headers are not there: {', '.join(missing)}"
        # botocore would believe this header.
        if headers.get(_BODY_HASH, digest := sha256(request.body).hexdigest()) != digest:
            yield f"{_BODY_HASH} is not the hash of the body"
        try:
            signed_at = datetime.strptime(timestamp, _DATE_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            yield "x-amz-date is not in the form 20260131T235959Z"
            return
        if abs(signed_at.timestamp() - self._clock.now_ms() / 1000) > MAX_SKEW_SECONDS:
            yield f"Signature expired: {timestamp} is more than five minutes away"

    def _sign(self, request: Request, headers: dict[str, str], signed: list[str]) -> str:
        copy = AWSRequest(
            method=request.method,
            url=f"http://{headers['host']}{request.target}",
            data=request.body,
            headers={name: headers[name] for name in signed},
        )
        copy.context["timestamp"] = headers["x-amz-date"]
        credentials = self._credentials
        auth = SigV4Auth(
            Credentials(credentials.access_key, credentials.secret_key, credentials.token),
            self._service,
            self._region,
        )
        to_sign = auth.string_to_sign(copy, auth.canonical_request(copy))
        return str(auth.signature(to_sign, copy))
