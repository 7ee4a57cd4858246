"""The table of the WebSocket API's routes: which function serves what.

The functions, with their settings and rights, stand in `infrastructure.catalogue.function_table`.
"""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import (
    ANNOUNCEMENTS,
    AUDIO_PROCESSOR,
    CONNECT,
    CONTROL,
    DEVICE_SYNC,
    DISCONNECT,
    SESSION_STATUS,
)
from shared.protocol import (
    announcement_messages,
    authentication_messages,
    device_messages,
    interpretation_messages,
    messages,
)
from shared.protocol.message_base import action_of


@dataclass(frozen=True)
class RouteSpec:
    """One route of the WebSocket API; `replies` gives it a route response."""

    key: str
    function: FunctionSpec
    replies: bool = False


ROUTES = (
    RouteSpec("$connect", CONNECT),
    RouteSpec("$disconnect", DISCONNECT),
    RouteSpec("$default", CONTROL, replies=True),
    RouteSpec(action_of(messages.CreateSession), CONTROL, replies=True),
    RouteSpec(action_of(messages.JoinSession), CONTROL, replies=True),
    RouteSpec(action_of(messages.LeaveSession), CONTROL, replies=True),
    RouteSpec(action_of(messages.ChangeLanguage), CONTROL, replies=True),
    RouteSpec(action_of(messages.PauseBroadcast), CONTROL, replies=True),
    RouteSpec(action_of(messages.ResumeBroadcast), CONTROL, replies=True),
    RouteSpec(action_of(messages.MuteBroadcast), CONTROL, replies=True),
    RouteSpec(action_of(messages.UnmuteBroadcast), CONTROL, replies=True),
    RouteSpec(action_of(messages.SetVolume), CONTROL, replies=True),
    RouteSpec(action_of(interpretation_messages.TakeOver), CONTROL, replies=True),
    RouteSpec(action_of(interpretation_messages.HandOver), CONTROL, replies=True),
    RouteSpec(action_of(messages.EndSession), CONTROL, replies=True),
    RouteSpec(action_of(messages.GetSessionStatus), SESSION_STATUS, replies=True),
    RouteSpec(action_of(messages.Heartbeat), CONTROL, replies=True),
    RouteSpec(action_of(authentication_messages.Authenticate), CONTROL, replies=True),
    RouteSpec(action_of(messages.SendAudio), AUDIO_PROCESSOR),
    RouteSpec(action_of(interpretation_messages.SendCaption), AUDIO_PROCESSOR),
    RouteSpec(action_of(device_messages.RegisterDevice), DEVICE_SYNC, replies=True),
    RouteSpec(action_of(device_messages.GetSyncSnapshot), DEVICE_SYNC, replies=True),
    RouteSpec(action_of(device_messages.Sync), DEVICE_SYNC, replies=True),
    RouteSpec(action_of(announcement_messages.Announce), ANNOUNCEMENTS, replies=True),
    RouteSpec(action_of(announcement_messages.ClearAnnouncement), ANNOUNCEMENTS, replies=True),
    RouteSpec(
        action_of(announcement_messages.AcknowledgeAnnouncement), ANNOUNCEMENTS, replies=True
    ),
    RouteSpec(action_of(announcement_messages.GetActiveAnnouncement), ANNOUNCEMENTS, replies=True),
)
