"""What a function is made of: its settings, its rights, and what Lambda gives it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from shared.utils.settings import Settings


class Resource(Enum):
    """What a function may be granted something on."""

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
    # Of services that have no resources to name: hearing, translating and speaking text is their
    # every call's own matter.
    NO_RESOURCE = "*"


@dataclass(frozen=True)
class Grant:
    """Exact actions on one resource; @connections grants have none, their ARN holds the method."""

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
    # Lambda stops what invokes itself 16 times, also by a queue, unless it is said to be meant:
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    repeats_itself: bool = False
    # An event that Lambda itself keeps until the function has taken it is given up after so long,
    # and tried once only; None leaves both as Lambda does them (six hours, three times).
    event_seconds: int | None = None

    @property
    def keeps_lost_events(self) -> bool:
        """Whether an event that nobody waits for is kept when it has failed as often as Lambda
        tries. Not where it holds a secret.
        """
        return any(grant.resource is Resource.LOST_EVENTS for grant in self.grants)
