"""App of the session_status function."""

from __future__ import annotations

from functools import cached_property

from shared.data_access.session_statuses import SessionStatuses
from shared.services.status.status_sender import StatusSender
from shared.services.status.status_service import StatusService
from shared.services.status.status_updates import StatusUpdates
from shared.wiring.app import App


class StatusApp(App):
    """The parts of the session_status function."""

    @cached_property
    def status_service(self) -> StatusService:
        return StatusService(self._sessions, self._seat_lookup, self.clock, self.telemetry)

    @cached_property
    def status_updates(self) -> StatusUpdates:
        sender = StatusSender(
            self._aws.sender,
            remove_gone=self._remove_gone,
            clock=self.clock,
            telemetry=self.telemetry,
        )
        return StatusUpdates(
            SessionStatuses(self._aws.sessions),
            sender,
            self._status_trigger,
            self.clock,
            self.telemetry,
        )
