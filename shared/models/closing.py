"""What is said of connections that the service itself has closed, or found closed."""

from __future__ import annotations

import msgspec


class ClosedConnection(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A connection that is over: what `$disconnect` would say, if it were certain to come."""

    connection_id: str
