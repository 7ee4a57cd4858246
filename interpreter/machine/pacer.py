"""Real-time pacing and timestamps of outgoing chunks. Pure; times in ms."""

from __future__ import annotations

from shared.models.audio_format import AudioFormat


class Pacer:
    """Paces chunks in real time: the first at once, then one per chunk duration.

    A chunk up to one duration late keeps the pace. After a longer stall, pacing restarts from now
    instead of catching up in a burst.
    """

    def __init__(self) -> None:
        self._captured_until: float | None = None  # end of the last chunk

    def wait_ms(self, chunk_ms: float, now_ms: float) -> float:
        """Time to wait before sending the next chunk."""
        if self._captured_until is None:
            return 0.0
        return max(self._captured_until + chunk_ms - now_ms, 0.0)

    def stamp(self, chunk_ms: float, now_ms: float) -> int:
        """Record that a chunk is sent now, and return its timestamp.

        The timestamp is that of its first sample, as if the chunk had just been captured.
        """
        end = now_ms
        if self._captured_until is not None and now_ms - self._captured_until <= 2 * chunk_ms:
            end = self._captured_until + chunk_ms
        self._captured_until = end
        return round(end - chunk_ms)


def full_chunks(pcm: bytes, audio_format: AudioFormat) -> list[bytes]:
    """Split samples into chunks of chunkMs each, padding the last one with silence.

    The service's accounting counts each chunk as chunkMs (protocol, rule 19).
    """
    size, frame = audio_format.chunk_bytes, audio_format.frame_bytes
    whole = pcm[: len(pcm) // frame * frame]
    return [whole[at : at + size].ljust(size, b"\0") for at in range(0, len(whole), size)]
