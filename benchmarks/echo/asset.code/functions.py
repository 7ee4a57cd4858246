"""Functions of the echo app, for the local gateway."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]


def life(_event: Event, _context: object) -> Event:
    """Accept $connect and $disconnect."""
    return {"statusCode": 200}


def echo(event: Event, _context: object) -> Event:
    """Return the client's message."""
    return {"statusCode": 200, "body": event["body"]}


def whoami(event: Event, _context: object) -> Event:
    """Return the connection's ID, for posts to it."""
    return {"statusCode": 200, "body": event["requestContext"]["connectionId"]}
