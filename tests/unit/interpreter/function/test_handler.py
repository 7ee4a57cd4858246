"""The function's handler: what it is invoked with, and what it does with events that are void."""

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
    # Nobody answers there: an event that is void connects nowhere.
    "WEBSOCKET_URL": "ws://127.0.0.1:1/dev",
}
EVENT = {"sessionId": "golden-eagle-001", "ticket": "very-secret", "generation": 1}


class Context:
    """Lambda's, of a function that was just invoked."""

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


def test_an_event_that_is_of_no_session_any_more_ends_at_once(
    handler: Any, telemetry: RecordingTelemetry
) -> None:
    assert handler(EVENT, Context()) == {}

    assert telemetry.by_dimensions["InterpreterRuns", "notOurs"] == 1
    assert telemetry.flushes == 1


@pytest.mark.parametrize(
    "event",
    [{}, {**EVENT, "generation": 0}, {**EVENT, "ticket": 7}, {**EVENT, "sessionId": 7}],
)
def test_an_event_that_is_none_is_raised_without_what_is_in_it(
    handler: Any, event: dict[str, Any]
) -> None:
    with pytest.raises(LingocastError) as raised:
        handler(event, Context())

    assert raised.value.code == "INVALID_MESSAGE"
    assert "very-secret" not in str(raised.value)
