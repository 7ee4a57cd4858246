"""A DynamoDB client for the stack itself, without an SDK.

dynalite accepts any well-formed signature. Functions call it through `local.services.proxy`, which
checks signatures and permissions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from local.base.loopback import HOST
from local.http.client import UnavailableError, Upstream
from local.http.messages import Request
from local.iam.credentials import LocalCredentials

_TIMEOUT_SECONDS = 10.0
_DAY = "20260101"


class DatabaseError(Exception):
    """A call failed; `kind` is the type of the database's error, if it answered."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class DynamoDbClient:
    """Calls the database at a port of this machine."""

    def __init__(self, port: int, region: str, credentials: LocalCredentials) -> None:
        self._upstream = Upstream(port, _TIMEOUT_SECONDS)
        scope = f"{credentials.access_key}/{_DAY}/{region}/dynamodb/aws4_request"
        self._headers = [
            (b"host", f"{HOST}:{port}".encode()),
            (b"content-type", b"application/x-amz-json-1.0"),
            (b"x-amz-date", f"{_DAY}T000000Z".encode()),
            (
                b"authorization",
                f"AWS4-HMAC-SHA256 Credential={scope}, "
                f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}".encode(),
            ),
        ]

    async def call(self, operation: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation and return its result. Raises DatabaseError."""
        target = (b"x-amz-target", f"DynamoDB_20120810.{operation}".encode())
        request = Request("POST", "/", [*self._headers, target], json.dumps(content).encode())
        try:
            response = await self._upstream.forward(request)
        except UnavailableError as error:
            raise DatabaseError(f"{operation}: {error.__cause__ or 'no answer'}") from error
        try:
            result = msgspec.json.decode(response.body, type=dict[str, Any])
        except msgspec.MsgspecError:
            result = {}
        if response.status != HTTPStatus.OK:
            kind = str(result.get("__type", "")).rpartition("#")[2]
            raise DatabaseError(f"{operation}: {result.get('message') or kind}", kind)
        return result

    def close(self) -> None:
        """Close the connections."""
        self._upstream.close()
