"""All functions in one process: real handlers and repositories with test doubles."""

from __future__ import annotations

import importlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import msgspec

from shared.announcements.timers import RedeliveryPass, ReplayDue
from shared.fanout.sharded_sender import InvocationResult
from shared.models.delivery import Outcome
from shared.models.session import Session
from shared.models.timers import GraceOver, StatusDue
from shared.utils.settings import (
    ANNOUNCEMENT_QUEUE_URL,
    ANNOUNCEMENTS_TABLE,
    API_GATEWAY_ENDPOINT,
    BROADCAST_FUNCTION,
    CONNECTIONS_TABLE,
    DEVICES_TABLE,
    DISCONNECT_HANDLER_FUNCTION,
    INTERPRETATION_ENGINES,
    INTERPRETER_FUNCTION,
    MAX_LISTENERS,
    SESSIONS_TABLE,
    SHARD_SIZE,
    SPEAKER_GRACE_SECONDS,
    STATUS_QUEUE_URL,
    SYNC_SECRET_ID,
    TIMER_QUEUE_URL,
    TOKEN_CLIENT_ID,
    TOKEN_ISSUER,
)
from shared.wiring.announcements import AnnouncementApp
from shared.wiring.app import App
from shared.wiring.audio import AudioApp
from shared.wiring.aws_resources import Overrides
from shared.wiring.control import ControlApp
from shared.wiring.devices import DeviceApp
from shared.wiring.status import StatusApp
from shared.wiring.sweeps import SweepApp
from tests.helpers.clients import Clients, Message
from tests.helpers.database.memory_dynamodb import MemoryDynamoDB
from tests.helpers.database.tables import (
    ANNOUNCEMENTS,
    CONNECTIONS,
    DEVICES,
    SESSIONS,
    connections_repository,
    dynamodb,
    sessions_repository,
    using,
)
from tests.helpers.doubles import CountingIdentifiers, RecordingTelemetry
from tests.helpers.fake_timers import FakeTimers

ENVIRONMENT = {
    SESSIONS_TABLE: SESSIONS,
    CONNECTIONS_TABLE: CONNECTIONS,
    API_GATEWAY_ENDPOINT: "https://api.example.com/dev",
    MAX_LISTENERS: "50",
    SPEAKER_GRACE_SECONDS: "60",
    TIMER_QUEUE_URL: "https://sqs.example.com/timers",
    STATUS_QUEUE_URL: "https://sqs.example.com/statuses",
    ANNOUNCEMENTS_TABLE: ANNOUNCEMENTS,
    ANNOUNCEMENT_QUEUE_URL: "https://sqs.example.com/announcements",
    BROADCAST_FUNCTION: "broadcast",
    SHARD_SIZE: "10",
    DISCONNECT_HANDLER_FUNCTION: "disconnect",
    DEVICES_TABLE: DEVICES,
    SYNC_SECRET_ID: "sync",
    INTERPRETER_FUNCTION: "interpreter",
    INTERPRETATION_ENGINES: "aws,scripted",
    TOKEN_ISSUER: "https://issuer.example/pool",
    TOKEN_CLIENT_ID: "client",
}
# Settings that the stack gives to some functions only.
_ONLY = {
    TIMER_QUEUE_URL: {"control", "disconnect", "session_status"},
    DISCONNECT_HANDLER_FUNCTION: {"timeout", "device_sync"},
    DEVICES_TABLE: {"disconnect", "device_sync"},
    SYNC_SECRET_ID: {"device_sync"},
    INTERPRETER_FUNCTION: {"control", "timeout"},
    INTERPRETATION_ENGINES: {"control"},
    TOKEN_ISSUER: {"control"},
    TOKEN_CLIENT_ID: {"control"},
    BROADCAST_FUNCTION: {"announcements", "audio_processor", "broadcast"},
    ANNOUNCEMENTS_TABLE: {"announcements", "control"},
    ANNOUNCEMENT_QUEUE_URL: {"announcements", "control"},
}
FUNCTIONS = (
    "connect",
    "disconnect",
    "control",
    "audio_processor",
    "broadcast",
    "timeout",
    "session_status",
    "device_sync",
    "announcements",
)
# App of each function; the others use the base class.
_APPS: dict[str, type[App]] = {
    "audio_processor": AudioApp,
    "broadcast": AudioApp,
    "control": ControlApp,
    "disconnect": DeviceApp,
    "device_sync": DeviceApp,
    "announcements": AnnouncementApp,
    "session_status": StatusApp,
    "timeout": SweepApp,
}


class CleanUps:
    """Asynchronous invocations of the disconnect function, dropped while `lost`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.events: list[Message] = []
        self.lost = False

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        events = [json.loads(payload) for payload in payloads]
        self.events += events
        for event in events:
            if not self.lost:
                self._world.call("disconnect", event)
        return [InvocationResult(Outcome.FAILED if self.lost else Outcome.SENT) for _ in events]


class InterpreterStarts:
    """Asynchronous invocations of the interpreter function, dropped while `lost`."""

    def __init__(self) -> None:
        #: Events of all invocations, including dropped ones.
        self.events: list[Message] = []
        self.lost = False

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        self.events += [json.loads(payload) for payload in payloads]
        return [InvocationResult(Outcome.DROPPED if self.lost else Outcome.SENT) for _ in payloads]


class World(Clients):
    """One service with its clients, on the database in use or on the given one."""

    def __init__(self, database: Any = None) -> None:
        super().__init__()
        self.identifiers = CountingIdentifiers()
        self.telemetry = RecordingTelemetry()
        self.timers = FakeTimers[GraceOver]()
        self.status_timers = FakeTimers[StatusDue]()
        self.announcement_timers = FakeTimers[ReplayDue | RedeliveryPass]()
        self.clean_ups = CleanUps(self)
        self.interpreter_starts = InterpreterStarts()
        self.sync_secret = "a secret"
        #: Delays of handshakes, in seconds.
        self.pauses: list[float] = []
        #: Payloads of invoked shards.
        self.shards: list[Message] = []
        self.sessions = sessions_repository(database)
        self.connections = connections_repository(database)
        self._dynamodb: Any = database or dynamodb()
        with mock.patch.dict(os.environ, ENVIRONMENT):
            modules = {
                name: importlib.import_module(f"lambda.{name}.handler") for name in FUNCTIONS
            }
        self._modules = modules
        self._settings: dict[str, str] = {}
        self._rebuild()

    def use_sessions(self, sessions: Any) -> None:
        """Give the control function another sessions repository."""
        self._use(sessions=sessions)

    def use_rollovers(self, rollovers: Any) -> None:
        """Give the control function other rollover writes."""
        self._use(rollovers=rollovers)

    def use_channels(self, channels: Any) -> None:
        """Give the control function other channel writes."""
        self._use(channels=channels)

    def use_dynamodb(self, client: Any) -> None:
        """Give all functions another DynamoDB client."""
        self._dynamodb = client
        self._rebuild()

    def use_settings(self, **settings: str) -> None:
        """Override settings of all functions, by environment name."""
        self._settings = settings
        self._rebuild()

    @contextmanager
    def another_instance(self, function: str) -> Iterator[None]:
        """Send a function's requests to another instance within the block."""
        before = self._handlers[function]
        self._handlers[function] = self._modules[function].build(self._app(function))
        yield
        self._handlers[function] = before

    def spread(self, function: str, count: int) -> None:
        """Serve a function's requests by `count` new instances in turn."""
        build = self._modules[function].build
        turns = itertools.cycle([build(self._app(function)) for _ in range(count)])

        def serve(event: Message, context: object) -> Any:
            return next(turns)(event, context)

        self._handlers[function] = serve

    def _rebuild(self) -> None:
        self._handlers = {
            name: module.build(self._app(name)) for name, module in self._modules.items()
        }

    def _use(self, **given: Any) -> None:
        self._handlers["control"] = self._modules["control"].build(self._app("control", **given))

    def _app(self, function: str, **given: Any) -> App:
        """Create another instance of a function, with its own caches."""
        return _APPS.get(function, App)(
            {
                name: value
                for name, value in {**ENVIRONMENT, **self._settings}.items()
                if function in _ONLY.get(name, {function})
            },
            clock=self.clock,
            telemetry=self.telemetry,
            identifiers=self.identifiers,
            overrides=Overrides(
                sender=self.sender,
                invoker=self,
                disconnect=self.clean_ups,
                interpreter=self.interpreter_starts,
                timers=self.timers,
                status_timers=self.status_timers,
                announcement_timers=self.announcement_timers,
                dynamodb=self._dynamodb,
                sync_secret=lambda: self.sync_secret,
                verify=self.issuer.verify,
                pause=self.pauses.append,
                **given,
            ),
        )

    def broadcast(self, payload: Message) -> Message:
        """Invoke the broadcast function."""
        result: Message = self._handlers["broadcast"](payload, None)
        return result

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        """Invoke the broadcast function as Lambda does for another function."""
        requests = [json.loads(payload) for payload in payloads]
        self.shards += requests
        return [
            InvocationResult(Outcome.SENT, json.dumps(self.broadcast(request)).encode())
            for request in requests
        ]

    def call(self, function: str, event: Message, context: object = None) -> Any:
        """Invoke a function with any event."""
        return self._handlers[function](event, context)

    def sweep(self) -> None:
        """Run the sweep of every minute."""
        self.call("timeout", {"detail-type": "Scheduled Event", "source": "aws.events"})

    def reconcile(self) -> None:
        """Run the counter check of every five minutes."""
        self.call("timeout", {"task": "reconcile"})

    def presence(self) -> None:
        """Run the device presence check of every minute."""
        self.call("device_sync", {"detail-type": "Scheduled Event", "source": "aws.events"})

    def fire_timers(self, *more: str) -> Message:
        """Deliver all grace timers and `more` messages. Returns the failed ones."""
        return self._deliver([*self.timers.bodies(), *more])

    def fire_timer(self, timer: GraceOver) -> Message:
        """Deliver one grace timer, also repeatedly."""
        return self._deliver([msgspec.json.encode(timer).decode()])

    def fire_status_timers(self, *more: str) -> Message:
        """Advance by 1 s, deliver status timers and `more`. Returns the failed ones."""
        self.clock.advance(1000)
        bodies = [*self.status_timers.bodies(), *more]
        self.status_timers.set_.clear()
        return self._deliver(bodies, "session_status")

    def fire_announcement_timers(self, *more: str) -> Message:
        """Advance by 3 s, deliver announcement timers and `more`. Returns the failed ones."""
        self.clock.advance(3000)
        bodies = [*self.announcement_timers.bodies(), *more]
        self.announcement_timers.set_.clear()
        return self._deliver(bodies, "announcements") if bodies else {"batchItemFailures": []}

    def tick(self) -> None:
        """Run the status rule of every minute."""
        self._handlers["session_status"]({"type": "statusTick"}, None)

    def _deliver(self, bodies: Sequence[str], function: str = "timeout") -> Message:
        records = [
            {"messageId": str(number), "eventSource": "aws:sqs", "body": body}
            for number, body in enumerate(bodies)
        ]
        result: Message = self._handlers[function]({"Records": records}, None)
        return result

    def session(self, session_id: str) -> Session:
        """Read a session from the table."""
        session = self.sessions.get(session_id)
        assert session is not None
        return session


@contextmanager
def new_world() -> Iterator[World]:
    """A world with empty in-memory tables, which are far faster than moto."""
    with using(MemoryDynamoDB()):
        yield World()
