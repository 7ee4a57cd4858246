"""Calls to @connections over plain HTTP, so that path and signature can be invalid."""

from __future__ import annotations

import http.client
import os
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CallResult = dict[str, Any]
_TIMEOUT_SECONDS = 5.0
_MAX_REPEAT = 100
_MAX_BODY_BYTES = 1024 * 1024


def post(connection_id: str, text: str) -> CallResult:
    """Send a text to a connection."""
    return _call("POST", _path(connection_id, encoded=True), text.encode(), "right")


def repeat(command: dict[str, Any], me: str) -> list[CallResult]:
    """Make up to `repeat` calls (default: one); stop after the first failure.

    Fields of a command: `method`; `connection` (default: the sender's) and `encoded` (false to send
    the id unencoded), or `path` below the stage; `text` or a number of `bytes`; `signature`: right,
    wrong or none.
    """
    if "path" in command:
        path = str(command["path"])
    else:
        path = _path(command.get("connection", me), encoded=command.get("encoded", True))
    body = str(command.get("text", "")).encode()
    body = body or b"x" * min(int(command.get("bytes", 0)), _MAX_BODY_BYTES)
    outcomes: list[CallResult] = []
    for _ in range(min(int(command.get("repeat", 1)), _MAX_REPEAT)):
        signature = command.get("signature", "right")
        outcomes.append(_call(command.get("method", "POST"), path, body, signature))
        if outcomes[-1]["status"] >= 300:
            break
    return outcomes


def _path(connection_id: str, *, encoded: bool) -> str:
    if encoded:
        return f"/%40connections/{quote(connection_id, safe='')}"
    return f"/@connections/{connection_id}"


def _call(method: str, path: str, body: bytes, signature: str) -> CallResult:
    url = os.environ["API_GATEWAY_ENDPOINT"] + path
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, parts.path, body, _headers(method, url, body, signature))
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    finally:
        connection.close()
    error = response.getheader("x-amzn-ErrorType", "")
    return {"status": response.status, "error": error, "body": text}


def _headers(method: str, url: str, body: bytes, signature: str) -> dict[str, str]:
    if signature == "none":
        return {}
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    credentials = Credentials(
        os.environ["AWS_ACCESS_KEY_ID"],
        secret if signature == "right" else secret[::-1],
        os.environ.get("AWS_SESSION_TOKEN"),
    )
    request = AWSRequest(method, url, data=body)
    SigV4Auth(credentials, "execute-api", os.environ["AWS_REGION"]).add_auth(request)
    return dict(request.headers.items())
