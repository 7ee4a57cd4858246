"""When the chunks of a voice go out, and what time they bear. Pure; times are ms."""

from __future__ import annotations

from shared.models.audio_format import AudioFormat


class Pacer:
    """Real-time pace: the first chunk of an utterance at once, each following one a chunk later.

    A chunk that is late by up to its own duration keeps the pace; a voice that stalled for longer
    goes on from now, rather than to catch up in a burst.
    """

    def __init__(self, chunk_ms: float) -> None:
        self._chunk_ms = chunk_ms
        self._due_at: float | None = None

    def wait_ms(self, now_ms: float) -> float:
        """How long to wait before the next chunk may go."""
        return 0.0 if self._due_at is None else max(self._due_at - now_ms, 0.0)

    def stamp(self, now_ms: float) -> int:
        """A chunk goes now: the time of its first sample, as if it had just been captured."""
        on_time = self._due_at is not None and now_ms - self._due_at <= self._chunk_ms
        end = self._due_at if self._due_at is not None and on_time else now_ms
        self._due_at = end + self._chunk_ms
        return round(end - self._chunk_ms)


def full_chunks(pcm: bytes, audio_format: AudioFormat) -> list[bytes]:
    """Samples as chunks of chunkMs each, the last one padded with silence: the pace, the service's
    account and receivers take every chunk to last chunkMs (protocol, rule 19).
    """
    size, frame = audio_format.chunk_bytes, audio_format.frame_bytes
    whole = pcm[: len(pcm) // frame * frame]
    return [whole[at : at + size].ljust(size, b"\0") for at in range(0, len(whole), size)]
