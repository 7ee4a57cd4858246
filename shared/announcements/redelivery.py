"""Deliveries from the announcement queue: deferred replays and redelivery passes."""

from __future__ import annotations

from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.fanout import DEADLINE_MS, AnnouncementFanout
from shared.announcements.recipients import Recipients
from shared.announcements.replay import AnnouncementReplay
from shared.announcements.timers import RedeliveryPass, ReplayDue
from shared.models.timers import Timers
from shared.utils.clock import Clock

# Maximum duration of a first pass (ms): the lookup of its recipients, then the fan-out's deadline.
_FIRST_PASS_MS = DEADLINE_MS + 7_000


class AnnouncementRedelivery:
    """Handles announcement timers."""

    def __init__(
        self,
        announcements: ActiveAnnouncements,
        fanout: AnnouncementFanout,
        replay: AnnouncementReplay,
        recipients: Recipients,
        *,
        timers: Timers[RedeliveryPass],
        clock: Clock,
    ) -> None:
        self._announcements = announcements
        self._fanout = fanout
        self._replay = replay
        self._recipients = recipients
        self._timers = timers
        self._clock = clock

    def on_timer(self, timer: ReplayDue | RedeliveryPass) -> None:
        """Handle a timer. Safe to repeat: clients know announcements by their ids.

        Raises StoreUnavailableError; the queue then delivers the timer again.
        """
        if isinstance(timer, ReplayDue):
            recipient = self._recipients.find(timer.connection_id, timer.recipient_key)
            if recipient is not None:
                self._replay.replay(recipient)
        else:
            self._redeliver(timer)

    def _redeliver(self, redelivery: RedeliveryPass) -> None:
        """Send to recent arrivals, or to everyone if the first pass did not complete."""
        now = self._clock.now_ms()
        for announcement in self._announcements.read([redelivery.session_id], now):
            if announcement.announcement_id != redelivery.announcement_id:
                return
            if announcement.sent:
                self._fanout.send(announcement, first_pass_at=redelivery.at)
            elif now < redelivery.at + _FIRST_PASS_MS:
                self._timers.set(redelivery, _FIRST_PASS_MS // 1000)
            else:
                self._fanout.send(announcement)
                self._announcements.mark_sent(announcement)
