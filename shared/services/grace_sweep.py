"""The second way to the end of a grace period: for timers that were lost."""

from __future__ import annotations

from shared.data_access.active_sessions import ActiveSessions
from shared.models.errors import LingocastError
from shared.services.speaker_grace import SpeakerGrace
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry


class GraceSweep:
    """Ends the sessions whose speaker has stayed away and whose timer did not ring.

    It reads the active sessions: eight queries, and a batch for each hundred of them.
    """

    def __init__(
        self, active: ActiveSessions, grace: SpeakerGrace, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._active = active
        self._grace = grace
        self._clock = clock
        self._telemetry = telemetry

    def run(self, until_ms: int) -> int:
        """How many sessions were found overdue. One that cannot be ended keeps none of the others.

        Raises StoreUnavailableError if the sessions cannot be read.
        """
        ended = 0
        for session in self._active.sessions():
            if self._clock.now_ms() > until_ms:
                self._telemetry.warn("grace periods not all looked at")
                break
            try:
                ended += self._grace.finish_overdue(session)
            except LingocastError as error:
                self._telemetry.warn("grace not finished", code=error.code)
        return ended
