"""The echo app's functions, as they run in the local gateway's workers."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]


def life(_event: Event, _context: object) -> Event:
    """$connect and $disconnect."""
    return {"statusCode": 200}


def echo(event: Event, _context: object) -> Event:
    """What the client sent."""
    return {"statusCode": 200, "body": event["body"]}


def whoami(event: Event, _context: object) -> Event:
    """The connection's id, which posts to it need."""
    return {"statusCode": 200, "body": event["requestContext"]["connectionId"]}
