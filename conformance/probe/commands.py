"""Commands of the probe.

Parameters in the query string of a handshake, as JSON:
- `auth`, for the authorizer: {"raise": text}, {"result": anything}, or a policy with
  {"effect": "Deny"}, {"context": {…}} and {"padding": 9000} bytes in the context.
- `connect`, for $connect: {"raise": text}, {"result": anything}, {"status": 403},
  {"protocol": "v1"}, and {"calls": […]} to make first, whose results the observer gets.
- `observer`: the id of another connection, which gets reports of the events.

Commands in a message, as {"do": …}: `raise`, `return` (with `result`), `sleep` (with `seconds`),
`wait` (until `connection` is gone), `event`, `call` (see `calls`). The reply to any other message
names its route.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from conformance.probe import calls

NAME = "lingocast-conformance"
Command = dict[str, Any]
# Slightly longer than the integration timeout, so that a client cannot block the function.
_MAX_SLEEP_SECONDS = 35.0
_MAX_PADDING = 100_000
_MAX_POLLS, _POLL_SECONDS = 100, 0.2


class RequestedError(Exception):
    """The exception that a command requests."""


def authorize(command: Command, method_arn: str, observer: str | None) -> Any:
    """The authorizer's result: allow by default."""
    if "raise" in command:
        raise RequestedError(command["raise"])
    if "result" in command:
        return command["result"]
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": command.get("effect", "Allow"),
        "Resource": method_arn,
    }
    context = dict(command.get("context", {}))
    if "padding" in command:
        context["padding"] = "x" * min(int(command["padding"]), _MAX_PADDING)
    if observer:
        context["observer"] = observer
    return {
        "principalId": "probe",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }


def connect(command: Command) -> Any:
    """The result of $connect."""
    if "raise" in command:
        raise RequestedError(command["raise"])
    if "result" in command:
        return command["result"]
    result: dict[str, Any] = {"statusCode": command.get("status", 200)}
    if "protocol" in command:
        result["headers"] = {"Sec-WebSocket-Protocol": command["protocol"]}
    return result


def call_all(requested: list[Command], me: str) -> list[list[calls.CallResult]]:
    """Make calls to @connections, one after the other."""
    return [calls.repeat(command, me) for command in requested]


def message(event: dict[str, Any]) -> Any:
    """The result for a message."""
    context, body = event["requestContext"], event.get("body") or ""
    try:
        command = json.loads(body)
    except ValueError:
        command = {}
    if not isinstance(command, dict):
        command = {}
    execute = _COMMANDS.get(command.get("do", ""))
    if execute is not None:
        return execute(command, event)
    return _reply(command, event, route=context["routeKey"], length=len(body.encode()))


def _reply(command: Command, event: dict[str, Any], **fields: object) -> dict[str, Any]:
    """The reply to a command, identified by `tag` and `requestId`."""
    request_id = event["requestContext"]["requestId"]
    body = {"probe": NAME, "tag": command.get("tag"), "requestId": request_id, **fields}
    return {"statusCode": 200, "body": json.dumps(body)}


def _raise(command: Command, _event: dict[str, Any]) -> Any:
    raise RequestedError(str(command.get("text", "")))


def _return(command: Command, _event: dict[str, Any]) -> Any:
    return command.get("result")


def _sleep(command: Command, event: dict[str, Any]) -> Any:
    time.sleep(min(float(command.get("seconds", 0)), _MAX_SLEEP_SECONDS))
    return _reply(command, event, slept=True)


def _wait(command: Command, event: dict[str, Any]) -> Any:
    """Wait until a connection is gone, which lets a test end the invocation."""
    poll = {"method": "GET", "connection": command["connection"]}
    for _ in range(_MAX_POLLS):
        if calls.repeat(poll, "")[-1]["status"] == 410:
            return _reply(command, event, gone=True)
        time.sleep(_POLL_SECONDS)
    return _reply(command, event, gone=False)


def _event(command: Command, event: dict[str, Any]) -> Any:
    return _reply(command, event, seen=event)


def _call(command: Command, event: dict[str, Any]) -> Any:
    me = event["requestContext"]["connectionId"]
    return _reply(command, event, calls=calls.repeat(command, me))


_COMMANDS: dict[str, Callable[[Command, dict[str, Any]], Any]] = {
    "raise": _raise,
    "return": _return,
    "sleep": _sleep,
    "wait": _wait,
    "event": _event,
    "call": _call,
}
