"""The routes of the HTTP API, with the contents of its OpenAPI document.

The functions are in `infrastructure.catalogue.function_table`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import ANNOUNCEMENTS, DEVICE_SYNC
from shared.models.errors import ErrorCode
from shared.protocol import announcement_http
from shared.protocol.webhook_messages import BusAccepted, BusEnvelope


@dataclass(frozen=True)
class HttpRouteSpec:
    """One route of the HTTP API, and the function that serves it.

    An `authorized` route requires an access token of the user pool. The other fields are for
    docs/http/openapi.json (infrastructure/api/openapi.py): types of the bodies, a one-line summary,
    and the errors that only this route has.
    """

    method: str
    path: str
    function: FunctionSpec
    authorized: bool = True
    request: type[msgspec.Struct] | None = None
    response: type[msgspec.Struct] | None = None
    summary: str = ""
    errors: tuple[ErrorCode, ...] = ()
    # Required headers, each with its description.
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """The route key of API Gateway and `http_handler`."""
        return f"{self.method} {self.path}"


# In the order of docs/http/openapi.json. An empty table deploys no HTTP API.
_BROADCAST = "/api/creator/broadcast"
HTTP_ROUTES: tuple[HttpRouteSpec, ...] = (
    HttpRouteSpec(
        "POST",
        _BROADCAST,
        ANNOUNCEMENTS,
        request=announcement_http.BroadcastRequest,
        response=announcement_http.BroadcastSent,
        summary="Announce a text to everybody connected; for operators",
        errors=(ErrorCode.INVALID_ANNOUNCEMENT, ErrorCode.INVALID_LANGUAGE, ErrorCode.FORBIDDEN),
    ),
    HttpRouteSpec(
        "POST",
        f"{_BROADCAST}/clear",
        ANNOUNCEMENTS,
        response=announcement_http.BroadcastCleared,
        summary="Clear the announcement to everybody; for operators",
        errors=(ErrorCode.FORBIDDEN,),
    ),
    HttpRouteSpec(
        "POST",
        f"{_BROADCAST}/acknowledge",
        ANNOUNCEMENTS,
        request=announcement_http.AcknowledgeRequest,
        response=announcement_http.BroadcastAcknowledged,
        summary="Acknowledge the announcement, so that the user does not get it again",
        errors=(ErrorCode.ANNOUNCEMENT_NOT_FOUND,),
    ),
    HttpRouteSpec(
        "GET",
        f"{_BROADCAST}/active",
        ANNOUNCEMENTS,
        response=announcement_http.Active,
        summary="Get the announcement to everybody, unless the user has acknowledged it",
    ),
    HttpRouteSpec(
        "GET",
        f"{_BROADCAST}/limits",
        ANNOUNCEMENTS,
        response=announcement_http.Limits,
        summary="Get the maximum and the recommended length of a text",
    ),
    HttpRouteSpec(
        "GET",
        f"{_BROADCAST}/stats",
        ANNOUNCEMENTS,
        response=announcement_http.Stats,
        summary="Get counts of announcements, deliveries and connections; for operators",
        errors=(ErrorCode.FORBIDDEN,),
    ),
    HttpRouteSpec(
        "POST",
        "/sync/messages",
        DEVICE_SYNC,
        authorized=False,
        request=BusEnvelope,
        response=BusAccepted,
        summary="Send an update to a user's devices, signed with the shared secret",
        headers=(
            ("X-Lingocast-Timestamp", "The time of sending: seconds since the Unix epoch."),
            (
                "X-Lingocast-Signature",
                "`v1=` and the hex HMAC-SHA256 of `<timestamp>.<body>` with the shared secret.",
            ),
        ),
        errors=(
            ErrorCode.INVALID_SYNC,
            ErrorCode.CLOCK_SKEW,
            ErrorCode.INVALID_SIGNATURE,
            ErrorCode.DEVICE_NOT_FOUND,
            ErrorCode.DEVICE_OFFLINE,
        ),
    ),
)
