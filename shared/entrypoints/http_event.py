"""The parts of an HTTP API's events, in payload format 2.0, that the functions read.

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
    """Whose token the gateway's JWT authorizer let in.

    It lets in every token of the issuer for this client: raises AUTHENTICATION_REQUIRED for what
    is no access token.
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
            f"body: {len(raw)} bytes, a request may have {MAX_BODY_BYTES}; send less at a time",
        )
    return HttpRequest(event["headers"], raw, event["requestContext"]["timeEpoch"])


def _listed(claim: str) -> list[str]:
    """The items of a claim that is an array: the gateway writes it as `[one two]`.

    Seen by many, documented by nobody: https://github.com/floci-io/floci/pull/2011. Names of
    Cognito's groups have no blanks:
    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
    """
    return claim.removeprefix("[").removesuffix("]").split()
