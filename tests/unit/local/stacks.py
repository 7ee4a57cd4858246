"""Stacks as the template reader would give them."""

from __future__ import annotations

from collections.abc import Mapping

from local.model import Identity, Place, Route, Stack, WebSocketApi

FUNCTION = "one"


def stack(routes: Mapping[str, bool] | None = None, *, authorizer: str | None = None) -> Stack:
    """A stack whose routes (key: whether it replies) all lead to a function of the same name."""
    table = {key: Route(key, key, replies) for key, replies in (routes or {}).items()}
    websocket = WebSocketApi("api", "dev", "action", table, authorizer)
    return Stack("fixture-dev", Place(), {}, websocket, (), Identity("pool", "client"))
