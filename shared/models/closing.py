"""Event for connections that the service closed or found closed."""

from __future__ import annotations

import msgspec


class ClosedConnection(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A closed connection. Covers for $disconnect, which API Gateway may not send."""

    connection_id: str
