"""Announcements: made, cleared, acknowledged and asked for, and what of them is done later."""

import os
from collections.abc import Mapping
from typing import Any

from shared.bootstrap_announcements import AnnouncementApp
from shared.models.announcement_messages import (
    AcknowledgeAnnouncement,
    Announce,
    ClearAnnouncement,
    GetActiveAnnouncement,
)
from shared.models.announcement_timers import GreetingDue, LatePass
from shared.utils.invocation import InvocationHandler
from shared.utils.queue_batch import batch_handler
from shared.utils.route import message_handler
from shared.utils.validators import validate_announcement_message_size


def build(app: AnnouncementApp) -> InvocationHandler:
    """The handler over the given parts. Events of a queue have records, the others come from
    API Gateway.
    """
    asked = message_handler(
        {
            Announce: app.announcing.announce,
            ClearAnnouncement: app.announcing.clear_announcement,
            AcknowledgeAnnouncement: app.acknowledging.acknowledge_announcement,
            GetActiveAnnouncement: app.acknowledging.get_active_announcement,
        },
        check_size=validate_announcement_message_size,
        telemetry=app.telemetry,
    )
    late = batch_handler(
        GreetingDue | LatePass, app.late_announcements.ring, telemetry=app.telemetry
    )

    def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        if "Records" in event:
            return late(dict(event), context)
        return asked(event, context)

    return handler


lambda_handler = build(AnnouncementApp(os.environ))
