"""Authorization header as botocore computes it: the reference for our own signer."""

from __future__ import annotations

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials


def botocore_authorization(
    credentials: ReadOnlyCredentials,
    region: str,
    service: str,
    *,
    method: str,
    url: str,
    body: bytes,
    timestamp: str,
) -> str:
    """Header value of a request signed at `timestamp` (`20260131T235959Z`)."""
    request = AWSRequest(method=method, url=url, data=body)
    request.context["timestamp"] = timestamp
    request.headers["X-Amz-Date"] = timestamp
    if credentials.token:
        request.headers["X-Amz-Security-Token"] = credentials.token
    auth = SigV4Auth(credentials, service, region)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    return ", ".join(
        (
            f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}",
            f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))}",
            f"Signature={auth.signature(to_sign, request)}",
        )
    )
