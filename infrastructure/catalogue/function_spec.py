"""Describes a Lambda function: settings, permissions, memory and timeout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from shared.utils.settings import Settings


class Resource(Enum):
    """A resource that a grant can name."""

    SESSIONS = "sessions"
    CONNECTIONS = "connections"
    ACTIVE_INDEX = "sessions/index/active"
    AUDIENCE_INDEX = "connections/index/audience"
    IDLE_INDEX = "connections/index/idle"
    ANNOUNCEMENTS = "announcements"
    DEVICES = "devices"
    ONLINE_INDEX = "devices/index/online"
    POST_TO_CONNECTION = "POST/@connections/*"
    CLOSE_CONNECTION = "DELETE/@connections/*"
    TIMER_QUEUE = "timers"
    STATUS_QUEUE = "statuses"
    ANNOUNCEMENT_QUEUE = "announcements-queue"
    LOST_EVENTS = "events-dead"
    SYNC_SECRET = "sync"
    BROADCAST_FUNCTION = "broadcast"
    DISCONNECT_FUNCTION = "disconnect"
    INTERPRETER_FUNCTION = "interpreter"
    # For services whose actions have no resources: transcription, translation, speech synthesis.
    NO_RESOURCE = "*"


@dataclass(frozen=True)
class Grant:
    """Exact actions on one resource.

    @connections grants have no actions: their ARN contains the method.
    """

    resource: Resource
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class FunctionSpec:
    """One Lambda function; its code is `lambda/<name>/handler.py`."""

    name: str
    settings: type[Settings]
    grants: tuple[Grant, ...] = ()
    memory_mb: int = 512
    timeout_seconds: int = 10
    # Lambda stops a function that invokes itself 16 times, also through a queue, unless that is
    # declared as intended:
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    repeats_itself: bool = False
    # The maximum age of an asynchronous event, which is then tried only once. None keeps Lambda's
    # own values: six hours, three attempts.
    event_seconds: int | None = None

    @property
    def keeps_lost_events(self) -> bool:
        """Whether asynchronous events go to the dead-letter queue after the last attempt.

        They do not if they contain a secret.
        """
        return any(grant.resource is Resource.LOST_EVENTS for grant in self.grants)
