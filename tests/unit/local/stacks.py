"""Stacks as the template reader would give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from local.template.model import (
    AwsEnvironment,
    Function,
    Role,
    Route,
    Stack,
    Statement,
    UserPool,
    WebSocketApi,
)

FUNCTION = "one"


def stack(routes: Mapping[str, bool] | None = None, *, authorizer: str | None = None) -> Stack:
    """A stack whose routes (key: whether it replies) all lead to a function of the same name."""
    table = {key: Route(key, key, replies) for key, replies in (routes or {}).items()}
    websocket = WebSocketApi("api", "dev", "action", table, authorizer)
    return Stack("fixture-dev", AwsEnvironment(), {}, websocket, (), UserPool("pool", "client"))


def function(name: str, *statements: Statement) -> Function:
    """A function whose role allows just that."""
    return Function(
        logical_id=name,
        name=name,
        arn=AwsEnvironment().arn("lambda", f"function:{name}"),
        handler="functions.do",
        code=Path(),
        environment={},
        timeout_seconds=10,
        memory_mb=256,
        role=Role(f"role-of-{name}", statements),
    )
