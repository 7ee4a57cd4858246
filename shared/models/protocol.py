"""Everything that may be said: the unions of all requests and of all server messages."""

from __future__ import annotations

from shared.models.announcement_messages import (
    AcknowledgeAnnouncement,
    ActiveAnnouncement,
    Announce,
    Announcement,
    AnnouncementAcknowledged,
    AnnouncementCleared,
    ClearAnnouncement,
    GetActiveAnnouncement,
)
from shared.models.authentication_messages import Authenticate, Authenticated
from shared.models.device_messages import (
    DeviceRegistered,
    DeviceReplaced,
    DevicesChanged,
    GetSyncSnapshot,
    RegisterDevice,
    Sync,
    SyncAccepted,
    SyncMessage,
    SyncSnapshot,
)
from shared.models.interpretation_messages import (
    Caption,
    HandOver,
    InterpreterLease,
    SendCaption,
    TakeOver,
)
from shared.models.messages import (
    AnyControl,
    Audio,
    BroadcastStateChanged,
    ChangeLanguage,
    ChannelSourceChanged,
    ConnectionTimeout,
    CreateSession,
    EndSession,
    ErrorMessage,
    GetSessionStatus,
    Heartbeat,
    HeartbeatAck,
    JoinSession,
    LanguageChanged,
    LeaveSession,
    SendAudio,
    SessionCreated,
    SessionEnded,
    SessionJoined,
    SessionLeft,
    SessionStatus,
    SpeakerDisconnected,
    SpeakerReconnected,
)

AnyAnnouncementRequest = (
    Announce | ClearAnnouncement | AcknowledgeAnnouncement | GetActiveAnnouncement
)
AnyInterpreterRequest = TakeOver | HandOver | SendCaption
AnyDeviceRequest = RegisterDevice | GetSyncSnapshot | Sync
AnyRequest = (
    CreateSession
    | JoinSession
    | SendAudio
    | AnyControl
    | EndSession
    | ChangeLanguage
    | LeaveSession
    | GetSessionStatus
    | Heartbeat
    | Authenticate
    | AnyInterpreterRequest
    | AnyAnnouncementRequest
    | AnyDeviceRequest
)
AnyServerMessage = (
    SessionCreated
    | SessionJoined
    | BroadcastStateChanged
    | SessionEnded
    | SessionLeft
    | LanguageChanged
    | SessionStatus
    | HeartbeatAck
    | Authenticated
    | ErrorMessage
    | Audio
    | ChannelSourceChanged
    | SpeakerDisconnected
    | SpeakerReconnected
    | ConnectionTimeout
    | InterpreterLease
    | Caption
    | Announcement
    | ActiveAnnouncement
    | AnnouncementCleared
    | AnnouncementAcknowledged
    | DeviceRegistered
    | DevicesChanged
    | DeviceReplaced
    | SyncAccepted
    | SyncMessage
    | SyncSnapshot
)
