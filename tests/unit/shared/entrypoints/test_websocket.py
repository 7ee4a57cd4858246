"""Handlers of the WebSocket API return 200 and send an error on every failure."""

from __future__ import annotations

import json
from typing import Any

from shared.entrypoints.websocket import Service, lifecycle_handler, message_handler
from shared.entrypoints.websocket_event import caller_of
from shared.models.connection import Caller
from shared.models.errors import CATALOGUE, ErrorCode, LingocastError
from shared.protocol.messages import Heartbeat, HeartbeatAck
from shared.utils.validators import validate_control_message_size
from tests.helpers.doubles import RecordingTelemetry

telemetry = RecordingTelemetry()


def event(body: str | None = '{"action":"heartbeat","requestId":"r"}') -> dict[str, Any]:
    return {
        "requestContext": {
            "connectionId": "c=",
            "connectedAt": 1,
            "requestTimeEpoch": 2,
            "authorizer": {"userId": "u", "groups": "speakers,operators", "principalId": "u"},
        },
        "body": body,
    }


def answer(service: Service, body: str | None = event()["body"]) -> dict[str, Any]:
    handler = message_handler(
        {Heartbeat: service}, check_size=validate_control_message_size, telemetry=telemetry
    )
    result = handler(event(body), None)
    assert result["statusCode"] == 200
    return json.loads(result["body"]) if "body" in result else {}


def failing(error: Exception) -> Service:
    def service(_caller: Caller, _request: Heartbeat) -> None:
        raise error

    return service


def test_reply_carries_the_request_id() -> None:
    reply = answer(lambda _caller, _request: HeartbeatAck(timestamp=1))

    assert reply == {"type": "heartbeatAck", "requestId": "r", "timestamp": 1}


def test_without_a_reply_there_is_no_body() -> None:
    assert answer(lambda _caller, _request: None) == {}


def test_every_code_of_the_catalogue_becomes_its_envelope() -> None:
    for code in ErrorCode:
        kind = CATALOGUE[code]

        assert answer(failing(LingocastError(code, "field: remedy"))) == {
            "type": "error",
            "requestId": "r",
            "status": kind.status,
            "code": code.value,
            "message": "field: remedy",
            "retryable": kind.retryable,
            "action": "heartbeat",
        }


def test_unexpected_errors_are_logged_and_sent_without_detail() -> None:
    reply = answer(failing(KeyError("secret table name")))

    assert (reply["status"], reply["code"]) == (500, "INTERNAL")
    assert "secret" not in json.dumps(reply)
    assert telemetry.faults == ["request failed"]


def test_size_is_checked_before_json() -> None:
    reply = answer(lambda _caller, _request: None, "{" * 4_097)

    assert (reply["status"], reply["code"]) == (413, "MESSAGE_TOO_LARGE")


def test_errors_of_oversized_messages_repeat_action_and_request_id() -> None:
    text = json.dumps({"action": "heartbeat", "requestId": "r7", "more": "x" * 5_000})
    reply = answer(lambda _caller, _request: None, text)

    assert (reply["action"], reply["requestId"]) == ("heartbeat", "r7")


def test_a_request_of_another_function_is_refused() -> None:
    reply = answer(lambda _caller, _request: None, '{"action":"endSession"}')

    assert reply["code"] == "INVALID_MESSAGE"


def test_a_missing_body_is_refused() -> None:
    assert answer(lambda _caller, _request: None, None)["code"] == "INVALID_MESSAGE"


def test_errors_are_pushed_on_routes_without_a_response() -> None:
    pushed: list[tuple[str, bytes]] = []
    handler = message_handler(
        {Heartbeat: failing(LingocastError(ErrorCode.FORBIDDEN, "no"))},
        check_size=validate_control_message_size,
        telemetry=telemetry,
        push_error=lambda caller, body: pushed.append((caller.connection_id, body)),
    )

    assert handler(event(), None) == {"statusCode": 200}
    [(connection_id, body)] = pushed
    assert connection_id == "c="
    assert json.loads(body)["code"] == "FORBIDDEN"


def test_caller_is_read_from_the_event() -> None:
    caller = caller_of(event())

    assert caller == Caller("c=", "u", frozenset({"speakers", "operators"}), 2, 1)
    anonymous = event()
    del anonymous["requestContext"]["authorizer"]
    assert caller_of(anonymous).user_id is None
    assert caller_of(anonymous).groups == frozenset()


def test_connect_answers_with_the_errors_status() -> None:
    def unavailable(_caller: Caller) -> None:
        raise LingocastError(ErrorCode.UNAVAILABLE, "later")

    assert lifecycle_handler(unavailable, telemetry=telemetry)(event(), None) == {"statusCode": 503}
    assert lifecycle_handler(lambda _caller: None, telemetry=telemetry)(event(), None) == {
        "statusCode": 200
    }
