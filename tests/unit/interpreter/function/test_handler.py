"""Handler of the interpreter function, with invalid and outdated events."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from shared.models.errors import LingocastError
from shared.wiring.aws_resources import Overrides
from shared.wiring.interpreter import InterpreterApp
from tests.helpers.database.tables import SESSIONS, dynamodb, moto_tables
from tests.helpers.doubles import ManualClock, RecordingTelemetry

ENVIRONMENT = {
    "SESSIONS_TABLE": SESSIONS,
    "INTERPRETER_FUNCTION": "interpreter",
    # Unreachable, since outdated events must not connect.
    "WEBSOCKET_URL": "ws://127.0.0.1:1/dev",
}
EVENT = {"sessionId": "golden-eagle-001", "ticket": "very-secret", "generation": 1}


class Context:
    """Lambda context of a function that was just invoked."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def telemetry() -> RecordingTelemetry:
    return RecordingTelemetry()


@pytest.fixture
def handler(telemetry: RecordingTelemetry) -> Iterator[Any]:
    with moto_tables(), mock.patch.dict(os.environ, ENVIRONMENT):
        module = importlib.import_module("lambda.interpreter.handler")
        yield module.build(
            InterpreterApp(
                ENVIRONMENT,
                clock=ManualClock(),
                telemetry=telemetry,
                overrides=Overrides(dynamodb=dynamodb()),
            )
        )


def test_an_event_without_a_session_ends_at_once(
    handler: Any, telemetry: RecordingTelemetry
) -> None:
    assert handler(EVENT, Context()) == {}

    assert telemetry.by_dimensions["InterpreterRuns", "notOurs"] == 1
    assert telemetry.flushes == 1


@pytest.mark.parametrize(
    "event",
    [{}, {**EVENT, "generation": 0}, {**EVENT, "ticket": 7}, {**EVENT, "sessionId": 7}],
)
def test_an_invalid_event_raises_an_error_without_its_content(
    handler: Any, event: dict[str, Any]
) -> None:
    with pytest.raises(LingocastError) as raised:
        handler(event, Context())

    assert raised.value.code == "INVALID_MESSAGE"
    assert "very-secret" not in str(raised.value)
