"""Renewing a token over an open connection."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.protocol.message_base import Reply, Request


class Authenticate(Request, frozen=True, kw_only=True):
    """Renew the connection's rights with a newer token of the same user."""

    token: Annotated[str, msgspec.Meta(min_length=1)]


class Authenticated(Reply, frozen=True, kw_only=True):
    """The connection's rights end at `expires_at`; `timestamp` is the service's time."""

    expires_at: int
    timestamp: int
