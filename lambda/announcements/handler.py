"""Announcements over WebSocket and HTTP, and their redelivery from the queue."""

import os
from collections.abc import Mapping
from typing import Any

from shared.announcements.timers import RedeliveryPass, ReplayDue
from shared.entrypoints.http import BodylessRoute, BodyRoute, http_handler
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
    """Build the handler.

    Queue events have records, HTTP events name their route at the top level,
    and WebSocket events name it in their request context.
    """
    tracking_activity = app.connection_service.tracking_activity
    announcements, acknowledgements = app.announcement_service, app.acknowledgement_service
    from_websocket = message_handler(
        {
            Announce: tracking_activity(announcements.announce),
            ClearAnnouncement: tracking_activity(announcements.clear_announcement),
            AcknowledgeAnnouncement: tracking_activity(acknowledgements.acknowledge_announcement),
            GetActiveAnnouncement: tracking_activity(acknowledgements.get_active_announcement),
        },
        check_size=validate_announcement_message_size,
        telemetry=app.telemetry,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )
    http = app.http_service
    from_http = http_handler(
        {
            "POST /api/creator/broadcast": BodyRoute(BroadcastRequest, http.announce),
            "POST /api/creator/broadcast/clear": BodylessRoute(http.clear),
            "POST /api/creator/broadcast/acknowledge": BodyRoute(
                AcknowledgeRequest, http.acknowledge
            ),
            "GET /api/creator/broadcast/active": BodylessRoute(http.active),
            "GET /api/creator/broadcast/limits": BodylessRoute(http.limits),
            "GET /api/creator/broadcast/stats": BodylessRoute(http.stats),
        },
        telemetry=app.telemetry,
    )
    from_queue = batch_handler(
        ReplayDue | RedeliveryPass, app.redelivery.on_timer, telemetry=app.telemetry
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        if "Records" in event:
            return from_queue(event, context)
        return (from_http if "routeKey" in event else from_websocket)(event, context)

    return handler


lambda_handler = build(AnnouncementApp(os.environ))
