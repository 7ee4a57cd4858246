"""Everything that may be said: the unions of all requests and of all server messages."""

from __future__ import annotations

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
    DeviceReplaced,
    DevicesChanged,
    GetSyncSnapshot,
    RegisterDevice,
    Sync,
    SyncAccepted,
    SyncMessage,
    SyncSnapshot,
)
from shared.protocol.interpretation_messages import (
    Caption,
    HandOver,
    InterpreterLease,
    SendCaption,
    TakeOver,
)
from shared.protocol.messages import (
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
