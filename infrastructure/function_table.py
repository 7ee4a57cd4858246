"""The table of functions: each with its settings and its rights.

The stack is built from it, template tests read it, and the local server runs what the stack says.
Who serves which route say `infrastructure.routes` and `infrastructure.http_routes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from shared.utils.settings import (
    AnnouncementSettings,
    AudioSettings,
    AuthorizerSettings,
    ConnectSettings,
    ControlSettings,
    DeviceSyncSettings,
    DisconnectSettings,
    FanoutSettings,
    FloorSettings,
    Settings,
    SweepSettings,
)

# One full core: a fan-out is bound by CPU, and Lambda gives CPU in proportion to memory.
FULL_CORE_MB = 1_769


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
    SYNC_SECRET = "sync"
    BROADCAST_FUNCTION = "broadcast"
    DISCONNECT_FUNCTION = "disconnect"


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


# What follows from a connection that turns out to be gone: its row and its seat are given up and,
# if it was a source, those who heard it are told.
_RELEASE = (
    Grant(Resource.AUDIENCE_INDEX, ("dynamodb:Query",)),
    Grant(Resource.POST_TO_CONNECTION),
)

_SET_TIMER = Grant(Resource.TIMER_QUEUE, ("sqs:SendMessage",))
# Whoever counts listeners may find that their speaker is to hear of it.
_TELL_SPEAKER = Grant(Resource.STATUS_QUEUE, ("sqs:SendMessage",))
# Readers whom the table did not let greet when they came.
_GREET_LATER = Grant(Resource.ANNOUNCEMENT_QUEUE, ("sqs:SendMessage",))
_SHARD = Grant(Resource.BROADCAST_FUNCTION, ("lambda:InvokeFunction",))

AUTHORIZER = FunctionSpec("authorizer", AuthorizerSettings, timeout_seconds=10)
CONNECT = FunctionSpec(
    "connect",
    ConnectSettings,
    (Grant(Resource.CONNECTIONS, ("dynamodb:PutItem",)),),
)
DISCONNECT = FunctionSpec(
    "disconnect",
    DisconnectSettings,
    (
        _SET_TIMER,
        _TELL_SPEAKER,
        Grant(Resource.SESSIONS, ("dynamodb:GetItem", "dynamodb:UpdateItem")),
        Grant(Resource.CONNECTIONS, ("dynamodb:DeleteItem", "dynamodb:GetItem")),
        Grant(Resource.DEVICES, ("dynamodb:Query", "dynamodb:UpdateItem")),
        *_RELEASE,
    ),
)
CONTROL = FunctionSpec(
    "control",
    # A speaker who comes back can be gone again before the session names them: then their farewell
    # has found nothing to do, and nobody else sets the timer.
    ControlSettings,
    (
        _SET_TIMER,
        _TELL_SPEAKER,
        _GREET_LATER,
        # What is announced, whether this reader has acknowledged it, and that it was delivered.
        Grant(Resource.ANNOUNCEMENTS, ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")),
        Grant(
            Resource.SESSIONS,
            (
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ),
        ),
        Grant(
            Resource.CONNECTIONS,
            ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        *_RELEASE,
        Grant(Resource.CLOSE_CONNECTION),
    ),
)
AUDIO_PROCESSOR = FunctionSpec(
    "audio_processor",
    AudioSettings,
    (
        _SHARD,
        _TELL_SPEAKER,
        Grant(Resource.SESSIONS, ("dynamodb:GetItem", "dynamodb:UpdateItem")),
        Grant(
            Resource.CONNECTIONS,
            ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        *_RELEASE,
    ),
    memory_mb=FULL_CORE_MB,
)
BROADCAST = FunctionSpec(
    "broadcast",
    FanoutSettings,
    (
        _SHARD,
        _TELL_SPEAKER,
        Grant(Resource.SESSIONS, ("dynamodb:GetItem", "dynamodb:UpdateItem")),
        Grant(Resource.CONNECTIONS, ("dynamodb:DeleteItem", "dynamodb:GetItem")),
        *_RELEASE,
    ),
    memory_mb=FULL_CORE_MB,
)
TIMEOUT = FunctionSpec(
    "timeout",
    SweepSettings,
    (
        # What Lambda itself does with the queue, it does by the function's role.
        Grant(
            Resource.TIMER_QUEUE,
            ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        ),
        Grant(
            Resource.SESSIONS,
            ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        Grant(Resource.ACTIVE_INDEX, ("dynamodb:Query",)),
        Grant(
            Resource.CONNECTIONS,
            (
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
            ),
        ),
        Grant(Resource.IDLE_INDEX, ("dynamodb:Query",)),
        *_RELEASE,
        Grant(Resource.CLOSE_CONNECTION),
        Grant(Resource.DISCONNECT_FUNCTION, ("lambda:InvokeFunction",)),
    ),
    # A sweep that meets thousands of idle connections closes a hundred at a time.
    timeout_seconds=30,
)
SESSION_STATUS = FunctionSpec(
    "session_status",
    FloorSettings,
    (
        _SET_TIMER,
        Grant(
            Resource.STATUS_QUEUE,
            (
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ),
        ),
        Grant(
            Resource.SESSIONS,
            ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        Grant(Resource.ACTIVE_INDEX, ("dynamodb:Query",)),
        Grant(Resource.CONNECTIONS, ("dynamodb:DeleteItem", "dynamodb:GetItem")),
        *_RELEASE,
    ),
    # A pass over all active sessions, below what API Gateway waits for a function.
    timeout_seconds=28,
    # A status that changes brought about is followed by one more, until nothing has changed.
    repeats_itself=True,
)
DEVICE_SYNC = FunctionSpec(
    "device_sync",
    DeviceSyncSettings,
    (
        Grant(
            Resource.DEVICES,
            (
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ),
        ),
        Grant(Resource.ONLINE_INDEX, ("dynamodb:Query",)),
        Grant(
            Resource.CONNECTIONS,
            ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        Grant(Resource.POST_TO_CONNECTION),
        Grant(Resource.CLOSE_CONNECTION),
        Grant(Resource.DISCONNECT_FUNCTION, ("lambda:InvokeFunction",)),
        Grant(Resource.SYNC_SECRET, ("secretsmanager:GetSecretValue",)),
    ),
    memory_mb=FULL_CORE_MB,
    # A pass over all devices that are online, below what API Gateway waits for a function.
    timeout_seconds=28,
)
ANNOUNCEMENTS = FunctionSpec(
    "announcements",
    AnnouncementSettings,
    (
        _SHARD,
        _TELL_SPEAKER,
        Grant(
            Resource.ANNOUNCEMENT_QUEUE,
            (
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ),
        ),
        Grant(
            Resource.ANNOUNCEMENTS,
            ("dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        ),
        Grant(Resource.SESSIONS, ("dynamodb:GetItem", "dynamodb:UpdateItem")),
        Grant(
            Resource.CONNECTIONS,
            (
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
            ),
        ),
        Grant(Resource.IDLE_INDEX, ("dynamodb:Query",)),
        *_RELEASE,
    ),
    memory_mb=FULL_CORE_MB,
    # Everybody connected is read, and then sent to; below what API Gateway waits for a function.
    timeout_seconds=28,
)

FUNCTIONS = (
    AUTHORIZER,
    CONNECT,
    DISCONNECT,
    CONTROL,
    AUDIO_PROCESSOR,
    BROADCAST,
    TIMEOUT,
    SESSION_STATUS,
    DEVICE_SYNC,
    ANNOUNCEMENTS,
)
