"""Sends statuses to speakers. Failures are isolated per speaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.data_access.errors import StoreUnavailableError
from shared.models.delivery import Batch, ConnectionSender, Outcome
from shared.models.session import Session
from shared.models.terms import UpdateReason
from shared.protocol.message_base import encode
from shared.services.session_notifier import CONTROL_DEADLINE_MS
from shared.services.status.status_service import status_of
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

_ERRORS = (Outcome.GONE, Outcome.FAILED, Outcome.SLOW, Outcome.THROTTLED, Outcome.DROPPED)
# Time limit for removing gone speakers after one batch (s).
_REMOVAL_SECONDS = 2.0


class StatusSender:
    """Posts statuses in parallel.

    `remove_gone(session_id, connection_id)` removes a speaker's connection that answered 410 Gone
    and releases the floor.
    """

    def __init__(
        self,
        sender: ConnectionSender,
        *,
        remove_gone: Callable[[str, str], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._sender = sender
        self._remove_gone = remove_gone
        self._clock = clock
        self._telemetry = telemetry

    def send(self, statuses: Sequence[tuple[Session, UpdateReason]]) -> list[bool]:
        """Send each status to its speaker. Returns whether each one was delivered."""
        now = self._clock.now_ms()
        results = self._sender.post_batches(
            [
                Batch([session.speaker_connection_id], encode(status_of(session, now, reason)))
                for session, reason in statuses
            ],
            now + CONTROL_DEADLINE_MS,
        )
        outcomes = [outcome for result in results for outcome in result.values()]
        for error in _ERRORS:
            if count := outcomes.count(error):
                self._telemetry.count_by("ConnectionErrors", count, Type=error.value)
        self._remove(
            [
                session
                for (session, _), outcome in zip(statuses, outcomes, strict=True)
                if outcome is Outcome.GONE
            ]
        )
        return [outcome is Outcome.SENT for outcome in outcomes]

    def _remove(self, gone: Sequence[Session]) -> None:
        give_up_at = self._clock.monotonic() + _REMOVAL_SECONDS
        for session in gone:
            if self._clock.monotonic() >= give_up_at:
                return
            try:
                self._remove_gone(session.session_id, session.speaker_connection_id)
            except StoreUnavailableError as error:
                # The next status will find it again.
                self._telemetry.warn("gone speaker not removed", cause=error.cause)
