"""Every request that is no audio, and $default: what no route is for."""

import os

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
from shared.utils.validators import validate_control_message_size
from shared.wiring.announcements import ReplayApp


def build(app: ReplayApp) -> LambdaHandler:
    """The handler over the given parts."""
    greeting = app.greeting.greeting
    services: dict[type[Request], Service] = {
        CreateSession: greeting(app.session_service.create_session),
        PauseBroadcast: app.control_service.pause_broadcast,
        ResumeBroadcast: app.control_service.resume_broadcast,
        MuteBroadcast: app.control_service.mute_broadcast,
        UnmuteBroadcast: app.control_service.unmute_broadcast,
        SetVolume: app.control_service.set_volume,
        EndSession: app.session_service.end_session,
        JoinSession: greeting(app.join_service.join_session),
        ChangeLanguage: app.membership_service.change_language,
        LeaveSession: app.membership_service.leave_session,
        Authenticate: app.authentication.authenticate,
        TakeOver: app.interpreter_handover.take_over,
        HandOver: app.interpreter_handover.hand_over,
    }
    noting = app.connection_service.noting
    return message_handler(
        {
            **{request: noting(service) for request, service in services.items()},
            Heartbeat: app.heartbeats.heartbeat,
        },
        check_size=validate_control_message_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )


lambda_handler = build(ReplayApp(os.environ))
