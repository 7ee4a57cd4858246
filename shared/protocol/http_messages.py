"""Requests of the HTTP API as services see them, and its error body.

Field names are snake_case on the wire, times are ms since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

#: Maximum body size (bytes): an announcement with its translations.
MAX_BODY_BYTES = 24 * 1024


class HttpCaller(msgspec.Struct, frozen=True):
    """The user whose access token came with a request, and when it arrived (ms)."""

    user_id: str
    groups: frozenset[str]
    received_at: int


class HttpRequest(msgspec.Struct, frozen=True):
    """A request as it was sent, for signature checks.

    Header names are in lower case; `received_at` is when it reached the gateway (ms).
    """

    headers: Mapping[str, str]
    body: bytes
    received_at: int


class HttpError(msgspec.Struct, frozen=True, kw_only=True):
    """A failed request: a code of the catalogue, sent with its HTTP status.

    `message` begins with the name of the wrong field, if there is one.
    """

    status: Literal["error"] = "error"
    code: Annotated[str, msgspec.Meta(examples=["FORBIDDEN"])]
    message: Annotated[str, msgspec.Meta(examples=["only operators may announce to everybody"])]
