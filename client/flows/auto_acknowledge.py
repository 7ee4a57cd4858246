"""Automatic acknowledgement of shown announcements."""

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
    """Acknowledges announcements one by one; `tell` is called with a line about each."""

    def __init__(self, connection: AnnouncementRequests, tell: Callable[[str], None]) -> None:
        self._connection = connection
        self._tell = tell
        self._queue: asyncio.Queue[str] = asyncio.Queue()

    def acknowledge(self, notice: Notice) -> None:
        """Queue a notice for acknowledgement; anything but an announcement is ignored."""
        if isinstance(notice, Notification) and isinstance(
            notice.message, Announcement | ActiveAnnouncement
        ):
            announcement = to_announcement(notice.message)
            if announcement is not None:
                self._queue.put_nowait(announcement.announcement_id)

    async def run(self) -> None:
        """Acknowledge queued announcements until cancelled.

        A failure is only reported: the service shows the announcement again later.
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
    """Return whether the announcement was cleared before it could be acknowledged."""
    return isinstance(fault, RequestRefusedError) and fault.code == ErrorCode.ANNOUNCEMENT_NOT_FOUND
