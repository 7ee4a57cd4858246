"""Real-time pacing and timestamps of outgoing chunks. Pure; times in ms."""

from __future__ import annotations

from shared.models.audio_format import AudioFormat


class Pacer:
    """Paces chunks in real time: the first at once, then one per chunk duration.

    A chunk up to one duration late keeps the pace. After a longer stall, pacing restarts from now
    instead of catching up in a burst.
    """

    def __init__(self, chunk_ms: float) -> None:
        self._chunk_ms = chunk_ms
        self._due_at: float | None = None

    def wait_ms(self, now_ms: float) -> float:
        """Time to wait before sending the next chunk."""
        return 0.0 if self._due_at is None else max(self._due_at - now_ms, 0.0)

    def stamp(self, now_ms: float) -> int:
        """Record that a chunk is sent now, and return its timestamp.

        The timestamp is that of its first sample, as if the chunk had just been captured.
        """
        on_time = self._due_at is not None and now_ms - self._due_at <= self._chunk_ms
        end = self._due_at if self._due_at is not None and on_time else now_ms
        self._due_at = end + self._chunk_ms
        return round(end - self._chunk_ms)


def full_chunks(pcm: bytes, audio_format: AudioFormat) -> list[bytes]:
    """Split samples into chunks of chunkMs each, padding the last one with silence.

    Pacing, the service's accounting and receivers assume that every chunk lasts chunkMs (protocol,
    rule 19).
    """
    size, frame = audio_format.chunk_bytes, audio_format.frame_bytes
    whole = pcm[: len(pcm) // frame * frame]
    return [whole[at : at + size].ljust(size, b"\0") for at in range(0, len(whole), size)]
