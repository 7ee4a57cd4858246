"""Reads an HTTP API's events, in payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from shared.entrypoints.websocket_event import Event
from shared.models.errors import ErrorCode, LingocastError
from shared.protocol.http_messages import MAX_BODY_BYTES, HttpCaller, HttpRequest
from shared.utils.identity import ROLE_GROUPS


def http_caller_of(event: Event) -> HttpCaller:
    """The user whose token the gateway's JWT authorizer accepted.

    The authorizer accepts every token of the issuer for this client. Raises
    AUTHENTICATION_REQUIRED for any but access tokens.
    """
    context = event["requestContext"]
    claims: Mapping[str, Any] = ((context.get("authorizer") or {}).get("jwt") or {}).get(
        "claims"
    ) or {}
    if claims.get("token_use") != "access" or not claims.get("sub"):
        raise LingocastError(
            ErrorCode.AUTHENTICATION_REQUIRED, "authorization: expected an access token of a user"
        )
    groups = ROLE_GROUPS.intersection(_listed(claims.get("cognito:groups", "")))
    return HttpCaller(claims["sub"], groups, context["timeEpoch"])


def http_request_of(event: Event) -> HttpRequest:
    """The request as it was sent. Raises MESSAGE_TOO_LARGE."""
    body = event.get("body") or ""
    encoded = event.get("isBase64Encoded")
    raw = base64.b64decode(body) if encoded else body.encode(errors="surrogatepass")
    if len(raw) > MAX_BODY_BYTES:
        raise LingocastError(
            ErrorCode.MESSAGE_TOO_LARGE,
            f"body: {len(raw)} bytes, the maximum is {MAX_BODY_BYTES}; send less at a time",
        )
    return HttpRequest(event["headers"], raw, event["requestContext"]["timeEpoch"])


def _listed(claim: str) -> list[str]:
    """The items of an array claim, which the gateway writes as `[one two]`.

    That format is observed, not documented: https://github.com/floci-io/floci/pull/2011. Names of
    Cognito groups have no spaces:
    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
    """
    return claim.removeprefix("[").removesuffix("]").split()
