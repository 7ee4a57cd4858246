"""The table of the HTTP API's routes: who serves what, for whom, and how it is described.

The functions, with their settings and rights, stand in `infrastructure.catalogue.function_table`.
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
    """One route of the HTTP API: `POST` and `/path`, and the function that serves it.

    Unless `authorized` is off, it takes access tokens of the user pool and nothing else. The rest
    is for docs/http/openapi.json (infrastructure/api/openapi.py): what the body of a request and of
    its answer are, in a line what it does, and the errors that are its own.
    """

    method: str
    path: str
    function: FunctionSpec
    authorized: bool = True
    request: type[msgspec.Struct] | None = None
    response: type[msgspec.Struct] | None = None
    summary: str = ""
    errors: tuple[ErrorCode, ...] = ()
    # Headers that a request must have, each with what it is.
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """What API Gateway and `http_handler` call it."""
        return f"{self.method} {self.path}"


# In the order of docs/http/openapi.json. Without any there is no HTTP API.
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
