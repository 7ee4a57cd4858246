"""Machine interpretation as SessionService uses it: its port `MachineInterpretation`."""

from __future__ import annotations

from collections.abc import Sequence

from shared.interpretation.request_validator import validate_interpretation
from shared.interpretation.run_starter import RunStarter
from shared.interpretation.slot_store import SlotStore
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import Interpretation, RequestedInterpretation


class SessionInterpretation:
    """Validates a session's request for an interpreter, reserves its slot and starts its run."""

    def __init__(self, slots: SlotStore, starter: RunStarter, engines: Sequence[str]) -> None:
        self._slots = slots
        self._starter = starter
        self._engines = engines

    def validate(
        self,
        requested: RequestedInterpretation | None,
        *,
        source_language: str,
        audio_format: AudioFormat,
    ) -> Interpretation | None:
        """The request, normalised; raises ValidationError."""
        return validate_interpretation(
            requested,
            source_language=source_language,
            audio_format=audio_format,
            engines=self._engines,
        )

    def reserve(self, session_id: str, now_ms: int) -> bool:
        """Take one of the slots for interpreted sessions; False if all are taken."""
        return self._slots.take(session_id, now_ms)

    def release(self, session_id: str) -> None:
        """Free the session's slot."""
        self._slots.undo_replace(session_id)

    def start(self, session_id: str, ticket: str, generation: int) -> bool:
        """Request a run of the interpreter; False if that failed, which the sweep repairs."""
        return self._starter.start(session_id, ticket, generation)
