"""Confirming the announcements that have been shown, beside whatever else a client does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from client.errors import ClientError, RequestRefusedError
from client.protocol.announcement_requests import AnnouncementRequests
from client.protocol.announcements import to_announcement
from client.protocol.events import Notice, Notification
from shared.models.errors import ErrorCode
from shared.protocol.announcement_messages import ActiveAnnouncement, Announcement


class AutoAcknowledge:
    """Confirms announcements one after another; `tell` gets a line about each."""

    def __init__(self, connection: AnnouncementRequests, tell: Callable[[str], None]) -> None:
        self._connection = connection
        self._tell = tell
        self._queue: asyncio.Queue[str] = asyncio.Queue()

    def acknowledge(self, notice: Notice) -> None:
        """What has been shown to the reader; if it is an announcement it is confirmed next."""
        if isinstance(notice, Notification) and isinstance(
            notice.message, Announcement | ActiveAnnouncement
        ):
            announcement = to_announcement(notice.message)
            if announcement is not None:
                self._queue.put_nowait(announcement.announcement_id)

    async def run(self) -> None:
        """Confirm whatever is shown, until cancelled. A failure is told, and costs nothing else:
        the announcement is shown again another time.
        """
        while True:
            announcement_id = await self._queue.get()
            try:
                await self._connection.acknowledge_announcement(announcement_id)
            except ClientError as fault:
                if not _is_over(fault):
                    self._tell(f"Not confirmed: {fault}")
            else:
                self._tell("Confirmed.")


def _is_over(fault: ClientError) -> bool:
    """Whether the announcement was taken back before it could be confirmed."""
    return isinstance(fault, RequestRefusedError) and fault.code == ErrorCode.ANNOUNCEMENT_NOT_FOUND
