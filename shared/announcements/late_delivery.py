"""What of announcements is done later: greetings that failed, and readers whom no index had yet."""

from __future__ import annotations

from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.fanout import DEADLINE_MS, AnnouncementFanout
from shared.announcements.recipients import Recipients
from shared.announcements.replay import AnnouncementReplay
from shared.announcements.timers import RedeliveryPass, ReplayDue
from shared.models.timers import Timers
from shared.utils.clock import Clock

# So long a fan-out may still be under way (ms): the deadline, and reading who is there before it.
_UNDER_WAY_MS = DEADLINE_MS + 7_000


class LateDelivery:
    """Takes what comes out of the queue. Whatever fails is raised, and comes again."""

    def __init__(
        self,
        last: ActiveAnnouncements,
        fanout: AnnouncementFanout,
        greeting: AnnouncementReplay,
        readers: Recipients,
        *,
        timers: Timers[RedeliveryPass],
        clock: Clock,
    ) -> None:
        self._last = last
        self._fanout = fanout
        self._greeting = greeting
        self._readers = readers
        self._timers = timers
        self._clock = clock

    def ring(self, message: ReplayDue | RedeliveryPass) -> None:
        """Safe to repeat: readers know announcements by their ids. Raises StoreUnavailableError."""
        if isinstance(message, ReplayDue):
            reader = self._readers.find(message.connection_id, message.reader)
            if reader is not None:
                self._greeting.greet(reader)
        else:
            self._tell(message)

    def _tell(self, late: RedeliveryPass) -> None:
        """Tell who came about then; everybody, if the first pass has not got to its end."""
        now = self._clock.now_ms()
        for news in self._last.read([late.session_id], now):
            if news.announcement_id != late.announcement_id:
                return
            if news.told:
                self._fanout.tell(news, late_after=late.at)
            elif now < late.at + _UNDER_WAY_MS:
                self._timers.set(late, _UNDER_WAY_MS // 1000)
            else:
                self._fanout.tell(news)
                self._last.note_told(news)
