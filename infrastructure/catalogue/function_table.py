"""The table of functions, each with its settings and permissions.

The stack is built from it, and template tests read it. The routes are in
`infrastructure.catalogue.routes` and `.http_routes`.
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

# One full core: a fan-out is CPU-bound, and Lambda allots CPU in proportion to memory.
FULL_CORE_MB = 1_769


# Clean-up of a connection that turns out to be gone: delete its row, give up its seat and notify
# its listeners if it was a source. The leases of an interpreter's stand-bys are in their rows, so
# it also needs BatchGetItem on connections.
_RELEASE = (
    Grant(Resource.AUDIENCE_INDEX, ("dynamodb:Query",)),
    Grant(Resource.POST_TO_CONNECTION),
)

# Connections that keep exceeding their budgets.
_CLOSE_ABUSIVE = Grant(Resource.CLOSE_CONNECTION)

_SET_TIMER = Grant(Resource.TIMER_QUEUE, ("sqs:SendMessage",))
# Changes of the audience trigger a status for the speaker.
_QUEUE_STATUS = Grant(Resource.STATUS_QUEUE, ("sqs:SendMessage",))
# Replays of announcements that failed at the join.
_QUEUE_REPLAY = Grant(Resource.ANNOUNCEMENT_QUEUE, ("sqs:SendMessage",))
# Lambda moves failed events to the dead-letter queue with the function's role.
_KEEP_LOST = Grant(Resource.LOST_EVENTS, ("sqs:SendMessage",))
_START_INTERPRETER = Grant(Resource.INTERPRETER_FUNCTION, ("lambda:InvokeFunction",))
_SHARD = Grant(Resource.BROADCAST_FUNCTION, ("lambda:InvokeFunction",))

AUTHORIZER = FunctionSpec(
    "authorizer",
    AdmissionSettings,
    # The hash of the interpreter's ticket in the session's row.
    (Grant(Resource.SESSIONS, ("dynamodb:GetItem",)),),
    timeout_seconds=10,
)
CONNECT = FunctionSpec(
    "connect",
    HandshakeSettings,
    # Includes the marks of addresses and the queue of delayed handshakes.
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
        _QUEUE_STATUS,
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
        Grant(Resource.DEVICES, ("dynamodb:Query", "dynamodb:UpdateItem")),
        *_RELEASE,
    ),
)
CONTROL = FunctionSpec(
    "control",
    # Includes the grace timer: a returning speaker can disconnect before the session names the new
    # connection. The disconnect then finds no speaker, so the join has to set the timer.
    ControlSettings,
    (
        _SET_TIMER,
        _QUEUE_STATUS,
        _QUEUE_REPLAY,
        _START_INTERPRETER,
        # Read announcements and acknowledgements, count deliveries.
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
            (
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
            ),
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
        _QUEUE_STATUS,
        # A chunk reads the session and the leases of its interpreters in one request.
        Grant(
            Resource.SESSIONS,
            ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        ),
        Grant(
            Resource.CONNECTIONS,
            (
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
            ),
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
        _QUEUE_STATUS,
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
        *_RELEASE,
    ),
    memory_mb=FULL_CORE_MB,
)
TIMEOUT = FunctionSpec(
    "timeout",
    SweepSettings,
    (
        _KEEP_LOST,
        # Lambda polls the queue with the function's role.
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
    # A sweep can find thousands of idle connections, and closes a hundred at a time.
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
        # Includes the mark on the address of an abusive connection.
        Grant(
            Resource.CONNECTIONS,
            (
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
            ),
        ),
        *_RELEASE,
        _CLOSE_ABUSIVE,
    ),
    # Enough for a pass over all active sessions, and below API Gateway's integration timeout.
    timeout_seconds=28,
    # A status after a change is followed by another one, until nothing has changed.
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
    # Enough for a pass over all online devices, and below API Gateway's integration timeout.
    timeout_seconds=28,
)
ANNOUNCEMENTS = FunctionSpec(
    "announcements",
    AnnouncementSettings,
    (
        _SHARD,
        _QUEUE_STATUS,
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
    # Enough to read and reach everybody connected, and below API Gateway's integration timeout.
    timeout_seconds=28,
)

INTERPRETER = FunctionSpec(
    "interpreter",
    InterpreterSettings,
    (
        # Its run. For everything else it is a client of the service.
        Grant(Resource.SESSIONS, ("dynamodb:UpdateItem",)),
        _START_INTERPRETER,
        # The narrowest actions that exist. None has resources for this use (Translate's and Polly's
        # are terminologies and lexicons, which are not used):
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazontranscribe.html
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazontranslate.html
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonpolly.html
        Grant(Resource.NO_RESOURCE, ("transcribe:StartStreamTranscriptionWebSocket",)),
        Grant(Resource.NO_RESOURCE, ("translate:TranslateText",)),
        Grant(Resource.NO_RESOURCE, ("polly:SynthesizeSpeech",)),
    ),
    # More than half a core: it encodes and sends at most 20 languages, five chunks a second each,
    # and is idle most of the time. Lambda charges for memory all the time.
    memory_mb=1_024,
    # Lambda's maximum: fewer runs mean fewer handovers between them.
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    timeout_seconds=900,
    # It starts its successor.
    repeats_itself=True,
    # The sweep restarts lost runs with a new ticket, which invalidates older events.
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
