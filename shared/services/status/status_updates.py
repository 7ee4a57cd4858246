"""Pushes statuses: after changes of the audience and every 30 seconds."""

from __future__ import annotations

from collections.abc import Sequence

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.session_statuses import SessionAudience, SessionStatuses
from shared.models.audience_counts import update_reason
from shared.models.timers import StatusDue, StatusTick
from shared.services.status.status_sender import StatusSender
from shared.services.status.status_trigger import StatusTrigger
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Time limit of a periodic pass (s), below the function's timeout.
_PASS_SECONDS = 20.0


class StatusUpdates:
    """Sends triggered and periodic statuses to speakers."""

    def __init__(
        self,
        statuses: SessionStatuses,
        sender: StatusSender,
        trigger: StatusTrigger,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._statuses = statuses
        self._sender = sender
        self._trigger = trigger
        self._clock = clock
        self._telemetry = telemetry

    def on_timer(self, timer: StatusDue | StatusTick) -> None:
        """Handle a timer. Idempotent. Raises StoreUnavailableError."""
        if isinstance(timer, StatusDue):
            self._send_due(timer)
        else:
            self.send_periodic()

    def send_periodic(self) -> None:
        """Send a status to the speaker of every active session.

        Costs one query per bucket of active sessions, one read per 100 sessions, one post per
        session, and one write per session whose audience has changed since its last status. Raises
        StoreUnavailableError if sessions cannot be read.
        """
        give_up_at = self._clock.monotonic() + _PASS_SECONDS
        sent = 0
        try:
            read_at = self._clock.now_ms()
            for audiences in self._statuses.audiences():
                if self._clock.monotonic() >= give_up_at:
                    self._telemetry.warn("periodic statuses cut short", sent=sent)
                    break
                sent += self._send(audiences, read_at)
                read_at = self._clock.now_ms()
        finally:
            self._telemetry.count("PeriodicUpdatesSent", sent)

    def _send(self, audiences: Sequence[SessionAudience | None], read_at: int) -> int:
        """Send to the speakers of these sessions. Returns the number of statuses delivered."""
        reachable = []
        for audience in audiences:
            if audience is not None and not audience.session.is_active:
                continue  # ended, but the notification is still pending
            if audience is None:
                self._telemetry.count("UnreadableSessions")
            elif audience.session.speaker_connected:
                reachable.append(audience)
        results = self._sender.send([(audience.session, "periodic") for audience in reachable])
        for audience, sent in zip(reachable, results, strict=True):
            if sent and audience.current != audience.sent:
                self._record(audience, read_at)
        return sum(results)

    def _record(self, audience: SessionAudience, read_at: int) -> None:
        try:
            self._statuses.record_sent(audience.session.session_id, audience.current, read_at)
        except StoreUnavailableError as error:
            # The next change is then compared with an older status.
            self._telemetry.warn("status not recorded", cause=error.cause)

    def _send_due(self, timer: StatusDue) -> None:
        read_at = self._clock.now_ms()
        audience = self._statuses.take_due(timer.session_id, timer.armed_at)
        if audience is None or audience.current == audience.sent:
            return
        if not audience.session.speaker_connected:
            return
        current = audience.current
        # A change too small to trigger a status follows one that did.
        reason = (
            update_reason(audience.sent, current.listener_count, current.languages)
            or "listenerCountChange"
        )
        (sent,) = self._sender.send([(audience.session, reason)])
        if sent:
            self._trigger.status_sent(timer.session_id, current, read_at)
