"""Batches of queue messages: failures are reported one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.entrypoints.queue import batch_handler
from shared.models.errors import ErrorCode, LingocastError
from tests.helpers.doubles import RecordingTelemetry


class Due(msgspec.Struct, tag="due"):
    """A message."""

    name: str


def serve(due: Due) -> None:
    """Fail for two names."""
    if due.name == "refused":
        raise LingocastError(ErrorCode.UNAVAILABLE, "busy")
    if due.name == "broken":
        raise ZeroDivisionError


def handled(*bodies: str) -> tuple[Mapping[str, Any], RecordingTelemetry]:
    telemetry = RecordingTelemetry()
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    handler = batch_handler(Due, serve, telemetry=telemetry)
    return handler({"Records": records}, None), telemetry


def message(name: str) -> str:
    return msgspec.json.encode(Due(name)).decode()


def test_nothing_is_reported_if_all_succeed() -> None:
    response, telemetry = handled(message("a"), message("b"))

    assert response == {"batchItemFailures": []}
    assert (telemetry.warnings, telemetry.faults, telemetry.flushes) == ([], [], 1)


def test_failed_messages_are_reported_and_the_others_served() -> None:
    response, telemetry = handled(
        message("a"), message("refused"), message("broken"), '{"type": "other"}', message("b")
    )

    assert response == {"batchItemFailures": [{"itemIdentifier": each} for each in "123"]}
    assert telemetry.warnings == ["message failed"]
    assert telemetry.faults == ["message failed"] * 2
    assert telemetry.flushes == 1


def test_a_batch_may_fail_as_a_whole() -> None:
    response, _ = handled(message("broken"))

    assert response == {"batchItemFailures": [{"itemIdentifier": "0"}]}
