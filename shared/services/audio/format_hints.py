"""Hints to speakers and interpreters to send longer chunks, or the session's own again."""

from __future__ import annotations

from shared.models.delivery import ConnectionSender
from shared.models.session import Session
from shared.protocol.message_base import encode
from shared.protocol.messages import AudioFormatHint
from shared.services.audio.chunk_length_advisor import ChunkLengthAdvisor, is_lost
from shared.services.broadcast_handler import BroadcastResult
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# A hint that does not arrive is repeated, so the function does not wait long for it (ms).
_DEADLINE_MS = 500


class FormatHints:
    """Sends `audioFormatHint` to sources whose fan-outs miss recipients."""

    def __init__(self, sender: ConnectionSender, clock: Clock, telemetry: Telemetry) -> None:
        self._sender = sender
        self._clock = clock
        self._telemetry = telemetry
        self._advisor = ChunkLengthAdvisor()

    def note(
        self, connection_id: str, session: Session, chunk_ms: int, result: BroadcastResult
    ) -> None:
        """Note the fan-out of a chunk, and send its source a hint if one is due."""
        if result.error is not None:
            return
        # Failures and slow recipients have other causes than the number of posts.
        wanted = self._advisor.advise(
            connection_id,
            session.audio_format,
            chunk_ms,
            lost=is_lost(result.throttled_count + result.dropped_count, result.recipient_count),
            now=self._clock.monotonic(),
        )
        if wanted is None:
            return
        self._telemetry.count_by(
            "AudioFormatHints", Direction="longer" if wanted > chunk_ms else "shorter"
        )
        hint = AudioFormatHint(session_id=session.session_id, chunk_ms=wanted)
        self._sender.post(connection_id, encode(hint), self._clock.now_ms() + _DEADLINE_MS)
