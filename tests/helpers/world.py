"""The functions in one process: real handlers and repositories, moto's tables, steered doubles.

Tests speak to it as clients do, in JSON.
"""

from __future__ import annotations

import base64
import importlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import msgspec

from shared.bootstrap import App
from shared.models.delivery import Outcome
from shared.models.session import Session
from shared.models.timers import GraceOver, StatusDue
from shared.outside import Doubles
from shared.services.sharded_sender import Invocation
from shared.utils.settings import (
    API_GATEWAY_ENDPOINT,
    BROADCAST_FUNCTION,
    CONNECTIONS_TABLE,
    DISCONNECT_HANDLER_FUNCTION,
    MAX_LISTENERS,
    SESSIONS_TABLE,
    SHARD_SIZE,
    SPEAKER_GRACE_SECONDS,
    STATUS_QUEUE_URL,
    TIMER_QUEUE_URL,
)
from tests.helpers.doubles import CountingIdentifiers, ManualClock, RecordingTelemetry
from tests.helpers.fake_connections import FakeConnections
from tests.helpers.fake_timers import FakeTimers
from tests.helpers.tables import (
    CONNECTIONS,
    SESSIONS,
    connections_repository,
    moto_tables,
    sessions_repository,
)

Message = dict[str, Any]

ENVIRONMENT = {
    SESSIONS_TABLE: SESSIONS,
    CONNECTIONS_TABLE: CONNECTIONS,
    API_GATEWAY_ENDPOINT: "https://api.example.com/dev",
    MAX_LISTENERS: "50",
    SPEAKER_GRACE_SECONDS: "60",
    TIMER_QUEUE_URL: "https://sqs.example.com/timers",
    STATUS_QUEUE_URL: "https://sqs.example.com/statuses",
    BROADCAST_FUNCTION: "broadcast",
    SHARD_SIZE: "10",
    DISCONNECT_HANDLER_FUNCTION: "disconnect",
}
# What the stack does not give to every function.
_ONLY = {
    TIMER_QUEUE_URL: {"control", "disconnect", "session_status"},
    BROADCAST_FUNCTION: {"audio_processor", "broadcast"},
    DISCONNECT_HANDLER_FUNCTION: {"timeout"},
}
FUNCTIONS = (
    "connect",
    "disconnect",
    "control",
    "audio_processor",
    "broadcast",
    "timeout",
    "session_status",
)
CHUNK = bytes(range(256)) * 25  # 6 400 B: 200 ms of the default format


class CleanUps:
    """Lambda's Invoke of the disconnect function without waiting; `lost` ones are never run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked: list[Message] = []
        self.lost = False

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[Invocation]:
        events = [json.loads(payload) for payload in payloads]
        self.asked += events
        for event in events:
            if not self.lost:
                self._world.call("disconnect", event)
        return [Invocation(Outcome.FAILED if self.lost else Outcome.SENT) for _ in events]


class World:
    """One service with its clients. `connect` first, then `ask` or `send_audio`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.identifiers = CountingIdentifiers()
        self.telemetry = RecordingTelemetry()
        self.sender = FakeConnections(self.clock)
        self.timers = FakeTimers[GraceOver]()
        self.status_timers = FakeTimers[StatusDue]()
        self.clean_ups = CleanUps(self)
        #: Shards that were asked for, each as the function's payload.
        self.shards: list[Message] = []
        self.sessions = sessions_repository()
        self.connections = connections_repository()
        self._dynamodb: Any = None
        self._names = itertools.count(1)
        self._authorized: dict[str, dict[str, str]] = {}
        with mock.patch.dict(os.environ, ENVIRONMENT):
            modules = {
                name: importlib.import_module(f"lambda.{name}.handler") for name in FUNCTIONS
            }
        self._modules = modules
        self._handlers = {name: module.build(self._app(name)) for name, module in modules.items()}

    def use_sessions(self, sessions: Any) -> None:
        """Let the control function work on other sessions than the table's own."""
        self._use(sessions=sessions)

    def use_takeovers(self, takeovers: Any) -> None:
        """Let the control function take seats over by other means than the tables' own."""
        self._use(takeovers=takeovers)

    def use_dynamodb(self, client: Any) -> None:
        """Let every function reach the tables by this client."""
        self._dynamodb = client
        self._handlers = {
            name: module.build(self._app(name)) for name, module in self._modules.items()
        }

    def _use(self, **given: Any) -> None:
        self._handlers["control"] = self._modules["control"].build(self._app("control", **given))

    def _app(self, function: str, **given: Any) -> App:
        """One more instance of a function, with caches of its own."""
        return App(
            {
                name: value
                for name, value in ENVIRONMENT.items()
                if function in _ONLY.get(name, {function})
            },
            clock=self.clock,
            telemetry=self.telemetry,
            identifiers=self.identifiers,
            doubles=Doubles(
                sender=self.sender,
                invoker=self,
                disconnect=self.clean_ups,
                timers=self.timers,
                status_timers=self.status_timers,
                dynamodb=self._dynamodb,
            ),
            **given,
        )

    def connect(self, user: str | None = None, *groups: str) -> str:
        """A new connection, anonymous or of a user in some groups."""
        connection = f"c{next(self._names)}"
        if user is not None:
            self._authorized[connection] = {"userId": user, "groups": ",".join(groups)}
        result = self._invoke("connect", connection, "$connect")
        assert result == {"statusCode": 200}
        return connection

    def disconnect(self, connection: str) -> None:
        """What API Gateway's $disconnect does; may be repeated."""
        self._invoke("disconnect", connection, "$disconnect")

    def ask(self, connection: str, action: str, **fields: Any) -> Message:
        """A control request and its reply."""
        function = "session_status" if action == "getSessionStatus" else "control"
        return self.ask_text(connection, json.dumps({"action": action, **fields}), function)

    def ask_text(self, connection: str, text: str, function: str = "control") -> Message:
        """Any text to a function that replies, and its reply."""
        result = self._invoke(function, connection, "$default", text)
        assert result["statusCode"] == 200
        reply: Message = json.loads(result["body"])
        return reply

    def send_audio(
        self,
        connection: str,
        seq: object = 0,
        audio: object = CHUNK,
        *,
        arrived_at: int | None = None,
        **fields: Any,
    ) -> None:
        """A chunk; errors arrive as pushes. What is no bytes is sent as it is. The gateway has it
        since `arrived_at` (ms), or just now.
        """
        request: Message = {
            "action": "sendAudio",
            "seq": seq,
            "timestamp": self.clock.now_ms(),
            "audio": base64.b64encode(audio).decode() if isinstance(audio, bytes) else audio,
            **fields,
        }
        result = self._invoke(
            "audio_processor", connection, "sendAudio", json.dumps(request), arrived_at
        )
        assert result == {"statusCode": 200}

    def broadcast(self, payload: Message) -> Message:
        """An invocation of the broadcast function."""
        result: Message = self._handlers["broadcast"](payload, None)
        return result

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[Invocation]:
        """Lambda's Invoke of the broadcast function, as a function sees it."""
        requests = [json.loads(payload) for payload in payloads]
        self.shards += requests
        return [
            Invocation(Outcome.SENT, json.dumps(self.broadcast(request)).encode())
            for request in requests
        ]

    def call(self, function: str, event: Message, context: object = None) -> Any:
        """Invoke a function with any event."""
        return self._handlers[function](event, context)

    def sweep(self) -> None:
        """What the rule of every minute does."""
        self.call("timeout", {"detail-type": "Scheduled Event", "source": "aws.events"})

    def reconcile(self) -> None:
        """What the rule of every five minutes does."""
        self.call("timeout", {"task": "reconcile"})

    def ring(self, *more: str) -> Message:
        """Let every timer ring that was set, and `more` messages; returns which failed."""
        return self._deliver([*self.timers.bodies(), *more])

    def ring_one(self, timer: GraceOver) -> Message:
        """Let one timer ring, be it for the second time."""
        return self._deliver([msgspec.json.encode(timer).decode()])

    def ring_statuses(self, *more: str) -> Message:
        """Let a second pass, every status ring that is due, and `more` messages; returns which
        failed.
        """
        self.clock.advance(1000)
        bodies = [*self.status_timers.bodies(), *more]
        self.status_timers.set_.clear()
        return self._deliver(bodies, "session_status")

    def tick(self) -> None:
        """The rule of every minute."""
        self._handlers["session_status"]({"type": "statusTick"}, None)

    def _deliver(self, bodies: Sequence[str], function: str = "timeout") -> Message:
        records = [
            {"messageId": str(number), "eventSource": "aws:sqs", "body": body}
            for number, body in enumerate(bodies)
        ]
        result: Message = self._handlers[function]({"Records": records}, None)
        return result

    def pushes(self, connection: str, kind: str | None = None) -> list[Message]:
        """What was pushed to a connection, all or of one type."""
        messages = [json.loads(data) for data in self.sender.received(connection)]
        return [message for message in messages if kind in {None, message["type"]}]

    def session(self, session_id: str) -> Session:
        """The session as it is stored."""
        session = self.sessions.get(session_id)
        assert session is not None
        return session

    def create_session(self, **fields: Any) -> tuple[str, str]:
        """A speaker (user alice) with a session: connection and session id."""
        speaker = self.connect("alice", "speakers")
        reply = self.ask(speaker, "createSession", sourceLanguage="en", **fields)
        assert reply["type"] == "sessionCreated", reply
        return speaker, reply["sessionId"]

    def listener(self, session_id: str, language: str = "es") -> str:
        """An anonymous listener of a language."""
        connection = self.connect()
        reply = self.ask(connection, "joinSession", sessionId=session_id, targetLanguage=language)
        assert reply["type"] == "sessionJoined", reply
        return connection

    def interpreter(self, session_id: str, language: str = "es", user: str = "ines") -> str:
        """An interpreter of a language."""
        connection = self.connect(user, "interpreters")
        reply = self.ask(
            connection,
            "joinSession",
            sessionId=session_id,
            targetLanguage=language,
            role="interpreter",
        )
        assert reply["type"] == "sessionJoined", reply
        return connection

    def _invoke(
        self,
        function: str,
        connection: str,
        route: str,
        body: str | None = None,
        arrived_at: int | None = None,
    ) -> Message:
        event = {
            "requestContext": {
                "routeKey": route,
                "connectionId": connection,
                "connectedAt": self.clock.now_ms(),
                "requestTimeEpoch": arrived_at or self.clock.now_ms(),
                "authorizer": self._authorized.get(connection, {}),
            },
            "isBase64Encoded": False,
        }
        if body is not None:
            event["body"] = body
        result: Message = self._handlers[function](event, None)
        return result


@contextmanager
def new_world() -> Iterator[World]:
    """A world with empty tables."""
    with moto_tables():
        yield World()
