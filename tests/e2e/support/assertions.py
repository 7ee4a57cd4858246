"""Assertions on error messages, and on connections that must survive them."""

from __future__ import annotations

from shared.models.errors import CATALOGUE, ErrorCode
from tests.helpers.wire import Message, Wire


def assert_error(message: Message, code: str, action: str | None, field: str = "") -> None:
    """Check every field of an error message."""
    kind = CATALOGUE[ErrorCode(code)]
    text = message.pop("message")
    expected = {
        "type": "error",
        "status": kind.status,
        "code": code,
        "retryable": kind.retryable,
        "action": action,
    }
    message.pop("requestId", None)
    assert message == {key: value for key, value in expected.items() if value is not None}
    assert text.startswith(field)
    assert "Traceback" not in text


async def assert_alive(connection: Wire) -> None:
    """Check that the connection still answers."""
    assert (await connection.ask("heartbeat", clientTime=1))["clientTime"] == 1
