"""Announcements: made, cleared, acknowledged and asked for, and what of them is done later."""

import os
from collections.abc import Mapping
from typing import Any

from shared.announcements.timers import RedeliveryPass, ReplayDue
from shared.entrypoints.http import Asked, Posted, http_handler
from shared.entrypoints.invocation import InvocationHandler
from shared.entrypoints.queue import batch_handler
from shared.entrypoints.websocket import message_handler
from shared.protocol.announcement_http import AcknowledgeRequest, BroadcastRequest
from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    Announce,
    ClearAnnouncement,
    GetActiveAnnouncement,
)
from shared.utils.validators import validate_announcement_message_size
from shared.wiring.announcements import AnnouncementApp


def build(app: AnnouncementApp) -> InvocationHandler:
    """The handler over the given parts. Events of a queue have records, those of the HTTP API name
    a route; what is neither comes from the WebSocket API.
    """
    noting = app.connection_service.noting
    announcing, acknowledging = app.announcing, app.acknowledging
    asked = message_handler(
        {
            Announce: noting(announcing.announce),
            ClearAnnouncement: noting(announcing.clear_announcement),
            AcknowledgeAnnouncement: noting(acknowledging.acknowledge_announcement),
            GetActiveAnnouncement: noting(acknowledging.get_active_announcement),
        },
        check_size=validate_announcement_message_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )
    desk = app.announcement_desk
    called = http_handler(
        {
            "POST /api/creator/broadcast": Posted(BroadcastRequest, desk.announce),
            "POST /api/creator/broadcast/clear": Asked(desk.clear),
            "POST /api/creator/broadcast/acknowledge": Posted(AcknowledgeRequest, desk.acknowledge),
            "GET /api/creator/broadcast/active": Asked(desk.active),
            "GET /api/creator/broadcast/limits": Asked(desk.limits),
            "GET /api/creator/broadcast/stats": Asked(desk.stats),
        },
        telemetry=app.telemetry,
    )
    late = batch_handler(
        ReplayDue | RedeliveryPass, app.late_announcements.ring, telemetry=app.telemetry
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        if "Records" in event:
            return late(dict(event), context)
        # Of the WebSocket API's events the route stands in the request's context.
        return (called if "routeKey" in event else asked)(event, context)

    return handler


lambda_handler = build(AnnouncementApp(os.environ))
