"""Triggers a status when the audience changes, at most about once a second per session.

A significant change marks the status as pending by a conditional write. The change that wins sets a
timer of one second, which sends the status of that moment. Changes in between find the status
pending and do nothing.
"""

from __future__ import annotations

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.session_statuses import SessionStatuses
from shared.models.audience_counts import AudienceChange, SentStatus, update_reason
from shared.models.timers import StatusDue, Timers
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Time for which changes are collected before a status is sent (s).
DELAY_SECONDS = 1
# A timer this late (ms) counts as lost. Until then the periodic status is the fallback.
_TIMER_LOST_MS = 30_000


class StatusTrigger:
    """Sets status timers.

    Never fails the request that changed the audience: if a timer cannot be set, this is logged, and
    the next periodic status makes up for it.
    """

    def __init__(
        self,
        statuses: SessionStatuses,
        timers: Timers[StatusDue],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._statuses = statuses
        self._timers = timers
        self._clock = clock
        self._telemetry = telemetry

    def on_counts_changed(self, change: AudienceChange) -> None:
        """Handle a join, leave or language change. Costs one write if a status becomes due."""
        if not change.is_active or not update_reason(
            change.sent, change.listener_count, change.languages
        ):
            return
        now = self._clock.now_ms()
        lost_before = now - _TIMER_LOST_MS
        if change.pending_since is not None and change.pending_since >= lost_before:
            return
        try:
            if self._statuses.arm(change.session_id, now, lost_before):
                self._set_timer(change.session_id, now)
        except StoreUnavailableError as error:
            self._telemetry.warn("status not triggered", cause=error.cause)

    def status_sent(self, session_id: str, status: SentStatus, read_at: int) -> None:
        """Record a triggered status that was read at `read_at` (ms) and sent.

        Schedules one more status, for small changes that do not trigger one themselves, so that the
        last state is always sent. Raises StoreUnavailableError.
        """
        if self._statuses.record_sent_and_arm(session_id, status, read_at):
            self._set_timer(session_id, read_at)

    def _set_timer(self, session_id: str, armed_at: int) -> None:
        self._timers.set(StatusDue(session_id=session_id, armed_at=armed_at), DELAY_SECONDS)
