"""The probe's function: authorizer, $connect, $disconnect and all message routes.

It executes the commands in handshakes and messages (see `commands`) and stores nothing. It reports
a connection's events to the connection named as `observer` in the query string.
"""

from __future__ import annotations

import json
from typing import Any

from conformance.probe import commands
from conformance.probe.calls import post

Event = dict[str, Any]


def lambda_handler(event: Event, _context: object) -> Any:
    """Execute the command in the event."""
    if event.get("type") == "REQUEST":
        return _authorize(event)
    route = event["requestContext"]["routeKey"]
    if route == "$connect":
        return _connect(event)
    if route == "$disconnect":
        observer = (event["requestContext"].get("authorizer") or {}).get("observer")
        _report(observer, "$disconnect", event)
        return {"statusCode": 200}
    return commands.message(event)


def _authorize(event: Event) -> Any:
    query = event.get("queryStringParameters") or {}
    observer = query.get("observer")
    _report(observer, "authorizer", event)
    return commands.authorize(_command(query, "auth"), event["methodArn"], observer)


def _connect(event: Event) -> Any:
    query = event.get("queryStringParameters") or {}
    command = _command(query, "connect")
    me = event["requestContext"]["connectionId"]
    calls = commands.call_all(command.get("calls", []), me)
    _report(query.get("observer"), "$connect", event, calls=calls)
    return commands.connect(command)


def _command(query: dict[str, str], name: str) -> dict[str, Any]:
    command: dict[str, Any] = json.loads(query.get(name) or "{}")
    return command


def _report(observer: str | None, what: str, event: Event, **more: object) -> None:
    if observer:
        post(observer, json.dumps({"observed": what, "event": event, **more}))
