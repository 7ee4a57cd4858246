"""The table of functions: each with its settings and its rights.

The stack is built from it, template tests read it, and the local server runs what the stack says.
Their routes are in `infrastructure.catalogue.routes` and `.http_routes`.
"""

from __future__ import annotations

from infrastructure.catalogue.function_spec import FunctionSpec, Grant, Resource
from shared.utils.settings import (
    AdmissionSettings,
    AnnouncementSettings,
    AudioSettings,
    ControlSettings,
    DeviceSyncSettings,
    DisconnectSettings,
    FanoutSettings,
    FloorSettings,
    HandshakeSettings,
    InterpreterSettings,
    SweepSettings,
)

# One full core: a fan-out is bound by CPU, and Lambda gives CPU in proportion to memory.
FULL_CORE_MB = 1_769


# What follows from a connection that turns out to be gone: its row and its seat are given up and,
# if it was a source, those who heard it are told.
_RELEASE = (
    Grant(Resource.AUDIENCE_INDEX, ("dynamodb:Query",)),
    Grant(Resource.POST_TO_CONNECTION),
)

# Connections that go on beyond their budgets.
_CLOSE_ABUSIVE = Grant(Resource.CLOSE_CONNECTION)

_SET_TIMER = Grant(Resource.TIMER_QUEUE, ("sqs:SendMessage",))
# Whoever counts listeners may find that their speaker is to hear of it.
_TELL_SPEAKER = Grant(Resource.STATUS_QUEUE, ("sqs:SendMessage",))
# Readers whom the table did not let greet when they came.
_GREET_LATER = Grant(Resource.ANNOUNCEMENT_QUEUE, ("sqs:SendMessage",))
# What Lambda itself does with an event that has failed, it does by the function's role.
_KEEP_LOST = Grant(Resource.LOST_EVENTS, ("sqs:SendMessage",))
_START_INTERPRETER = Grant(Resource.INTERPRETER_FUNCTION, ("lambda:InvokeFunction",))
_SHARD = Grant(Resource.BROADCAST_FUNCTION, ("lambda:InvokeFunction",))

AUTHORIZER = FunctionSpec(
    "authorizer",
    AdmissionSettings,
    # What a session keeps of its interpreter's ticket.
    (Grant(Resource.SESSIONS, ("dynamodb:GetItem",)),),
    timeout_seconds=10,
)
CONNECT = FunctionSpec(
    "connect",
    HandshakeSettings,
    # Also what is remembered of its address, and whose turn it is to wait for that.
    (
        Grant(
            Resource.CONNECTIONS,
            ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        ),
    ),
)
DISCONNECT = FunctionSpec(
    "disconnect",
    DisconnectSettings,
    (
        _KEEP_LOST,
        _SET_TIMER,
        _TELL_SPEAKER,
        Grant(Resource.SESSIONS, ("dynamodb:GetItem", "dynamodb:UpdateItem")),
        Grant(
            Resource.CONNECTIONS,
            ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
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
        _START_INTERPRETER,
        # What is announced, whether this reader has acknowledged it, and that it was delivered.
        Grant(Resource.ANNOUNCEMENTS, ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")),
        Grant(
            Resource.SESSIONS,
            (
                "dynamodb:BatchGetItem",
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
        _CLOSE_ABUSIVE,
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
        Grant(
            Resource.CONNECTIONS,
            ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        *_RELEASE,
    ),
    memory_mb=FULL_CORE_MB,
)
TIMEOUT = FunctionSpec(
    "timeout",
    SweepSettings,
    (
        _KEEP_LOST,
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
        _START_INTERPRETER,
    ),
    # A sweep that meets thousands of idle connections closes a hundred at a time.
    timeout_seconds=30,
)
SESSION_STATUS = FunctionSpec(
    "session_status",
    FloorSettings,
    (
        _KEEP_LOST,
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
        # Also what is remembered of the address of a connection that is closed for abuse.
        Grant(
            Resource.CONNECTIONS,
            ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        *_RELEASE,
        _CLOSE_ABUSIVE,
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
        _KEEP_LOST,
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
        _CLOSE_ABUSIVE,
    ),
    memory_mb=FULL_CORE_MB,
    # Everybody connected is read, and then sent to; below what API Gateway waits for a function.
    timeout_seconds=28,
)

INTERPRETER = FunctionSpec(
    "interpreter",
    InterpreterSettings,
    (
        # Its run. Everything else it does as a client of the service.
        Grant(Resource.SESSIONS, ("dynamodb:UpdateItem",)),
        _START_INTERPRETER,
        # Each by the narrowest action that there is; none of them knows resources for what is done
        # here (Translate's and Polly's are terminologies and lexicons, which are not used):
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazontranscribe.html
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazontranslate.html
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonpolly.html
        Grant(Resource.NO_RESOURCE, ("transcribe:StartStreamTranscriptionWebSocket",)),
        Grant(Resource.NO_RESOURCE, ("translate:TranslateText",)),
        Grant(Resource.NO_RESOURCE, ("polly:SynthesizeSpeech",)),
    ),
    # More than half a core: at most 20 languages' chunks, five a second each, are encoded and sent,
    # and most of the time nothing is to be done. Lambda charges for memory all the time.
    memory_mb=1_024,
    # As long as Lambda lets anything run: the fewer successions the better.
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    timeout_seconds=900,
    # It starts its successor.
    repeats_itself=True,
    # Whatever is lost the sweep starts again, with a ticket that makes older events void.
    event_seconds=60,
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
    INTERPRETER,
)
