"""Event for connections that the service closed or found closed."""

from __future__ import annotations

import msgspec


class ClosedConnection(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A closed connection. Stands in for $disconnect, which API Gateway does not guarantee."""

    connection_id: str
