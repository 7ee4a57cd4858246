"""The table of WebSocket requests.

Routes, throttles, budgets, decoders and the list of known actions follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    ActiveAnnouncement,
    Announce,
    Announcement,
    AnnouncementAcknowledged,
    AnnouncementCleared,
    ClearAnnouncement,
    GetActiveAnnouncement,
)
from shared.protocol.authentication_messages import Authenticate, Authenticated
from shared.protocol.device_messages import (
    DeviceRegistered,
    GetSyncSnapshot,
    RegisterDevice,
    Sync,
    SyncAccepted,
    SyncSnapshot,
)
from shared.protocol.interpretation_messages import (
    HandOver,
    InterpreterLease,
    SendCaption,
    TakeOver,
)
from shared.protocol.message_base import Reply, Request, action_of
from shared.protocol.messages import (
    BroadcastStateChanged,
    ChangeLanguage,
    CreateSession,
    EndSession,
    GetSessionStatus,
    Heartbeat,
    HeartbeatAck,
    JoinSession,
    LanguageChanged,
    LeaveSession,
    MuteBroadcast,
    PauseBroadcast,
    ResumeBroadcast,
    SendAudio,
    SessionCreated,
    SessionEnded,
    SessionJoined,
    SessionLeft,
    SessionStatus,
    SetVolume,
    UnmuteBroadcast,
)


class ThrottleClass(Enum):
    """Requests with the same limits.

    `infrastructure.stage.throttles` has the throttles of their routes in each stage,
    `shared.admission.budgets` the budgets of one connection.
    """

    CREATE = "create"
    JOIN = "join"
    LEAVE = "leave"
    LANGUAGE = "language"
    CONTROL = "control"
    HANDOVER = "handover"
    STATUS = "status"
    HEARTBEAT = "heartbeat"
    AUTHENTICATE = "authenticate"
    AUDIO = "audio"
    CAPTION = "caption"
    DEVICE = "device"
    SNAPSHOT = "snapshot"
    SYNC = "sync"
    ANNOUNCE = "announce"
    CLEAR = "clear"
    READ = "read"
    # API Gateway's own routes.
    CONNECT = "$connect"
    DEFAULT = "$default"


class Sender(Enum):
    """Which connections may send a request at all."""

    ANYONE = "anyone"
    # Speakers and interpreters: their handshake brought a token or a ticket.
    SOURCE = "source"


class RequestSpec(msgspec.Struct, frozen=True):
    """One request, and the function (`lambda/<function>`) that serves it.

    A request without a reply has a route without a response; errors are pushed to the sender.
    """

    request: type[Request]
    reply: type[Reply] | None
    function: str
    throttle: ThrottleClass
    sender: Sender = Sender.ANYONE

    @property
    def action(self) -> str:
        """The request's name on the wire, which is its route key too."""
        return action_of(self.request)


REQUESTS: tuple[RequestSpec, ...] = (
    RequestSpec(CreateSession, SessionCreated, "control", ThrottleClass.CREATE, Sender.SOURCE),
    RequestSpec(JoinSession, SessionJoined, "control", ThrottleClass.JOIN),
    RequestSpec(LeaveSession, SessionLeft, "control", ThrottleClass.LEAVE),
    RequestSpec(ChangeLanguage, LanguageChanged, "control", ThrottleClass.LANGUAGE),
    RequestSpec(
        PauseBroadcast, BroadcastStateChanged, "control", ThrottleClass.CONTROL, Sender.SOURCE
    ),
    RequestSpec(
        ResumeBroadcast, BroadcastStateChanged, "control", ThrottleClass.CONTROL, Sender.SOURCE
    ),
    RequestSpec(
        MuteBroadcast, BroadcastStateChanged, "control", ThrottleClass.CONTROL, Sender.SOURCE
    ),
    RequestSpec(
        UnmuteBroadcast, BroadcastStateChanged, "control", ThrottleClass.CONTROL, Sender.SOURCE
    ),
    RequestSpec(SetVolume, BroadcastStateChanged, "control", ThrottleClass.CONTROL, Sender.SOURCE),
    RequestSpec(TakeOver, InterpreterLease, "control", ThrottleClass.HANDOVER, Sender.SOURCE),
    RequestSpec(HandOver, InterpreterLease, "control", ThrottleClass.HANDOVER, Sender.SOURCE),
    RequestSpec(EndSession, SessionEnded, "control", ThrottleClass.CONTROL, Sender.SOURCE),
    RequestSpec(
        GetSessionStatus, SessionStatus, "session_status", ThrottleClass.STATUS, Sender.SOURCE
    ),
    RequestSpec(Heartbeat, HeartbeatAck, "control", ThrottleClass.HEARTBEAT),
    RequestSpec(Authenticate, Authenticated, "control", ThrottleClass.AUTHENTICATE),
    RequestSpec(SendAudio, None, "audio_processor", ThrottleClass.AUDIO, Sender.SOURCE),
    RequestSpec(SendCaption, None, "audio_processor", ThrottleClass.CAPTION, Sender.SOURCE),
    RequestSpec(RegisterDevice, DeviceRegistered, "device_sync", ThrottleClass.DEVICE),
    RequestSpec(GetSyncSnapshot, SyncSnapshot, "device_sync", ThrottleClass.SNAPSHOT),
    RequestSpec(Sync, SyncAccepted, "device_sync", ThrottleClass.SYNC),
    RequestSpec(Announce, Announcement, "announcements", ThrottleClass.ANNOUNCE),
    RequestSpec(ClearAnnouncement, AnnouncementCleared, "announcements", ThrottleClass.CLEAR),
    RequestSpec(
        AcknowledgeAnnouncement, AnnouncementAcknowledged, "announcements", ThrottleClass.READ
    ),
    RequestSpec(GetActiveAnnouncement, ActiveAnnouncement, "announcements", ThrottleClass.READ),
)
#: The rows by request type, and by the name on the wire.
SPECS: Mapping[type[Request], RequestSpec] = {spec.request: spec for spec in REQUESTS}
ACTIONS: Mapping[str, RequestSpec] = {spec.action: spec for spec in REQUESTS}
