"""Session, floor and interpreter requests, and $default for unknown actions."""

import os

from shared.entrypoints.request_decoder import check_control_size
from shared.entrypoints.websocket import LambdaHandler, Service, message_handler
from shared.protocol.authentication_messages import Authenticate
from shared.protocol.interpretation_messages import HandOver, TakeOver
from shared.protocol.message_base import Request
from shared.protocol.messages import (
    ChangeLanguage,
    CreateSession,
    EndSession,
    Heartbeat,
    JoinSession,
    LeaveSession,
    MuteBroadcast,
    PauseBroadcast,
    ResumeBroadcast,
    SetVolume,
    UnmuteBroadcast,
)
from shared.wiring.control import ControlApp


def build(app: ControlApp) -> LambdaHandler:
    """Build the handler."""
    replay_after = app.announcement_replay.replay_after
    services: dict[type[Request], Service] = {
        CreateSession: replay_after(app.session_service.create_session),
        PauseBroadcast: app.control_service.pause_broadcast,
        ResumeBroadcast: app.control_service.resume_broadcast,
        MuteBroadcast: app.control_service.mute_broadcast,
        UnmuteBroadcast: app.control_service.unmute_broadcast,
        SetVolume: app.control_service.set_volume,
        EndSession: app.session_service.end_session,
        JoinSession: app.join_bound.bounded(replay_after(app.join_service.join_session)),
        ChangeLanguage: app.membership_service.change_language,
        LeaveSession: app.membership_service.leave_session,
        Authenticate: app.authentication.authenticate,
        TakeOver: app.interpreter_handover.take_over,
        HandOver: app.interpreter_handover.hand_over,
    }
    tracking_activity = app.connection_service.tracking_activity
    return message_handler(
        {
            **{request: tracking_activity(service) for request, service in services.items()},
            Heartbeat: app.heartbeat_service.heartbeat,
        },
        check_size=check_control_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )


lambda_handler = build(ControlApp(os.environ))
