"""Statuses that a change of the audience brings about, about one a second a session at most.

A change that is worth telling lets the session await a status, by a write that one change wins; the
winner sets a timer of a second, which tells what there is by then. Changes meanwhile find that one
is awaited, and do nothing.
"""

from __future__ import annotations

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.session_statuses import SessionStatuses
from shared.models.audience_counts import AudienceChange, SentStatus, update_reason
from shared.models.timers import StatusDue, Timers
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# How long changes are collected before they are told.
DELAY_SECONDS = 1
# A timer that has not rung for so long is lost; until then the periodic status is the second way.
_TIMER_LOST_MS = 30_000


class StatusTrigger:
    """Sets timers of statuses. Never fails who comes or goes: a timer that could not be set is
    logged, and the next periodic status tells what it would have told.
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
        """Somebody came, went or changed language. Costs one write if a status becomes due."""
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
        """A triggered status of that moment (ms) was sent. One more becomes due, for what changes
        meanwhile by less than is worth telling at once: so the last state is always told. Raises
        StoreUnavailableError.
        """
        if self._statuses.record_sent_and_arm(session_id, status, read_at):
            self._set_timer(session_id, read_at)

    def _set_timer(self, session_id: str, armed_at: int) -> None:
        self._timers.set(StatusDue(session_id=session_id, armed_at=armed_at), DELAY_SECONDS)
