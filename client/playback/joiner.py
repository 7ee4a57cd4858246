"""Joining of captured chunks into longer ones, as `audioFormatHint` asks. Pure."""

from __future__ import annotations

from dataclasses import replace

from client.playback.capture import Captured
from shared.models.audio_format import AudioFormat


class ChunkJoiner:
    """Joins chunks of a session's duration and numbers the results.

    Only consecutive sound is joined: a chunk after a stall of the source begins a new one.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._wanted = 1  # parts of a chunk
        self._parts: list[Captured] = []
        self._seq = 0

    def set_chunk_ms(self, chunk_ms: int) -> None:
        """Set the duration of further chunks, rounded down to a multiple of the session's."""
        self._wanted = self._format.parts_of(chunk_ms)

    def add(self, chunk: Captured) -> list[Captured]:
        """Add a captured chunk and return the chunks that are complete."""
        complete = [] if self._continues(chunk) else self.flush()
        self._parts.append(chunk)
        return complete + (self.flush() if len(self._parts) >= self._wanted else [])

    def flush(self) -> list[Captured]:
        """Return the chunk that has begun, if there is one."""
        if not self._parts:
            return []
        parts, self._parts = self._parts, []
        joined = replace(
            parts[0],
            seq=self._seq,
            audio=b"".join(part.audio for part in parts),
            complete_at=parts[-1].complete_at,
            parts=len(parts),
        )
        self._seq += 1
        return [joined]

    def _continues(self, chunk: Captured) -> bool:
        if not self._parts:
            return True
        expected = self._parts[-1].timestamp + self._format.chunk_ms
        return abs(chunk.timestamp - expected) <= self._format.chunk_ms / 2
