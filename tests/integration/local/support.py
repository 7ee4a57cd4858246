"""What the tests of the local stack share: polling, a bare HTTP client, a scripted invoker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from local.runtime.invocation import Outcome

PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.01

Event = dict[str, Any]
Script = Callable[[Event], Outcome | Awaitable[Outcome]]


async def eventually(condition: Callable[[], object], what: str = "condition") -> None:
    """Wait until the condition holds; fails if it does not within the tests' patience."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - what is waited for is outside
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"never came true: {what}") from None


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def call(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """One request over a connection of its own; underscores in names of headers become dashes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        raw = await reader.read()
        writer.close()
    head, _, content = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    found = dict(line.lower().split(": ", 1) for line in rest)
    return Answer(int(first.split()[1]), found, content)


def management_path(connection_id: str, stage: str = "dev") -> str:
    """The path of a connection, as clients of AWS encode it."""
    return f"/{stage}/%40connections/{quote(connection_id, safe='')}"


def ok(body: object = None, **more: object) -> Outcome:
    """A result with status 200."""
    text = body if isinstance(body, str) else json.dumps(body)
    content = {"body": text} if body is not None else {}
    return Outcome(json.dumps({"statusCode": 200, **content, **more}).encode())


def allow(**context: object) -> Outcome:
    """An authorizer's consent."""
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    result = {"principalId": "p", "policyDocument": policy, "context": context}
    return Outcome(json.dumps(result).encode())


def _plain_success(_event: Event) -> Outcome:
    return ok()


@dataclass
class ScriptedInvoker:
    """Functions as scripts by name; every event is remembered."""

    scripts: dict[str, Script] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        event = msgspec.json.decode(payload)
        self.events.setdefault(function, []).append(event)
        outcome = self.scripts.get(function, _plain_success)(event)
        return outcome if isinstance(outcome, Outcome) else await outcome

    def seen(self, function: str) -> list[Event]:
        """The events that a function has got."""
        return self.events.get(function, [])
