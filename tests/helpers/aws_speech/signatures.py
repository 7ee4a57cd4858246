"""Verification of request signatures, by signing again with botocore."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

_MAX_SKEW_SECONDS = 300
_MAX_EXPIRES_SECONDS = 300


def header_error(
    credentials: ReadOnlyCredentials,
    region: str,
    service: str,
    request: tuple[str, str, Mapping[str, str], bytes],
) -> str | None:
    """Error code of a request; None if it is valid.

    A request is method, target, headers with lower-case names, and body.
    """
    method, target, headers, body = request
    authorization = headers.get("authorization", "")
    if not authorization.startswith("AWS4-HMAC-SHA256 "):
        return "MissingAuthenticationTokenException"
    parts = dict(part.strip().split("=", 1) for part in authorization.partition(" ")[2].split(","))
    timestamp = headers.get("x-amz-date", "")
    signed = AWSRequest(method, f"http://{headers['host']}{target}", data=body)
    for name in parts.get("SignedHeaders", "").split(";"):
        signed.headers[name] = headers.get(name, "")
    signed.context["timestamp"] = timestamp
    auth = SigV4Auth(credentials, service, region)
    scope = f"{credentials.access_key}/{timestamp[:8]}/{region}/{service}/aws4_request"
    return _error_code(
        auth,
        signed,
        scope_is=parts.get("Credential") == scope,
        token=headers.get("x-amz-security-token"),
        signature=parts.get("Signature", ""),
    )


def query_error(
    credentials: ReadOnlyCredentials, region: str, service: str, host: str, target: str
) -> str | None:
    """Error code of a presigned GET; None if it is valid."""
    path, _, query = target.partition("?")
    given = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if "X-Amz-Signature" not in given:
        return "MissingAuthenticationTokenException"
    expires = given.get("X-Amz-Expires", "")
    if not expires.isdecimal() or not 0 < int(expires) <= _MAX_EXPIRES_SECONDS:
        return "InvalidSignatureException"
    timestamp = given.get("X-Amz-Date", "")
    unsigned = "&".join(
        pair for pair in query.split("&") if not pair.startswith("X-Amz-Signature=")
    )
    signed = AWSRequest("GET", f"http://{host}{path}?{unsigned}")
    signed.context["timestamp"] = timestamp
    auth = SigV4QueryAuth(credentials, service, region, int(expires))
    scope = f"{credentials.access_key}/{timestamp[:8]}/{region}/{service}/aws4_request"
    return _error_code(
        auth,
        signed,
        scope_is=given.get("X-Amz-Credential") == scope,
        token=given.get("X-Amz-Security-Token"),
        signature=given["X-Amz-Signature"],
    )


def _error_code(
    auth: SigV4Auth, request: AWSRequest, *, scope_is: bool, token: str | None, signature: str
) -> str | None:
    if not scope_is or token != auth.credentials.token:
        return "UnrecognizedClientException"
    try:
        signed_at = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return "IncompleteSignature"
    age = datetime.now(UTC) - signed_at.replace(tzinfo=UTC)
    if abs(age.total_seconds()) > _MAX_SKEW_SECONDS:
        return "InvalidSignatureException"
    expected = auth.signature(
        auth.string_to_sign(request, auth.canonical_request(request)), request
    )
    return None if expected == signature else "InvalidSignatureException"
