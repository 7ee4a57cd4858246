"""What requests of the HTTP API are to a service, and how all of them fail.

Field names are snake_case on the wire, times are ms since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

#: The largest body (bytes): of an announcement with its translations.
MAX_BODY_BYTES = 24 * 1024


@dataclass(frozen=True, slots=True)
class HttpCaller:
    """Whose access token a request came with, and when it reached the gateway (ms)."""

    user_id: str
    groups: frozenset[str]
    received_at: int


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it was sent, for who checks a signature: names of headers in lower case, the
    body's own bytes, and when it reached the gateway (ms).
    """

    headers: Mapping[str, str]
    body: bytes
    received_at: int


class HttpError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed: a code of the catalogue, with its HTTP status, and the field first if
    one is at fault.
    """

    status: Literal["error"] = "error"
    code: Annotated[str, msgspec.Meta(examples=["FORBIDDEN"])]
    message: Annotated[str, msgspec.Meta(examples=["only operators may announce to everybody"])]
