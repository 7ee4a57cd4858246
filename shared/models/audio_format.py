"""Audio format of a session, with conversions between bytes and time."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

PCM: Final = "pcm_s16le"
OPUS: Final = "opus"
MIN_DEADLINE_MS = 400
#: Durations of a chunk (ms).
CHUNK_DURATIONS_MS = range(100, 1_001)
#: A PCM chunk in base64 with its JSON must fit one 32 KB frame: browsers send one frame a message.
MAX_PCM_CHUNK_BYTES = 24_000


class AudioFormat(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Encoding, rate (Hz), channels and chunk duration (ms); PCM 16 kHz mono by default."""

    encoding: Literal["pcm_s16le", "opus"] = PCM
    sample_rate: int = 16_000
    channels: int = 1
    chunk_ms: int = 200

    @property
    def is_pcm(self) -> bool:
        """True for PCM, the only encoding in which bytes and time are proportional."""
        return self.encoding == PCM

    @property
    def frame_bytes(self) -> int:
        """Bytes of one PCM sample across all channels."""
        return 2 * self.channels

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a full PCM chunk, the maximum for a chunk of whole samples."""
        return self.sample_rate * self.chunk_ms // 1000 * self.frame_bytes

    @property
    def longest_chunk_ms(self) -> int:
        """Maximum duration of a chunk in this encoding and rate (ms); opus chunks have only one."""
        if not self.is_pcm:
            return self.chunk_ms
        samples = MAX_PCM_CHUNK_BYTES // self.frame_bytes
        # `chunk_bytes` rounds down to whole samples.
        return min(((samples + 1) * 1000 - 1) // self.sample_rate, CHUNK_DURATIONS_MS[-1])

    def parts_of(self, chunk_ms: int) -> int:
        """Return the number of whole chunks in one of `chunk_ms`, or in the longest; at least 1."""
        return max(min(chunk_ms, self.longest_chunk_ms) // self.chunk_ms, 1)

    def with_chunk_ms(self, chunk_ms: int) -> AudioFormat:
        """Return the format with chunks of another duration."""
        return msgspec.structs.replace(self, chunk_ms=chunk_ms)

    @property
    def deadline_ms(self) -> int:
        """Time after arrival (ms) within which a chunk is sent; later it is dropped."""
        return max(2 * self.chunk_ms, MIN_DEADLINE_MS)

    @property
    def longest_deadline_ms(self) -> int:
        """The `deadline_ms` of the longest chunk."""
        return self.with_chunk_ms(self.longest_chunk_ms).deadline_ms

    def duration_ms(self, size: int) -> float:
        """Duration of `size` bytes, in ms. For opus, whose size varies, that of one chunk."""
        if not self.is_pcm:
            return float(self.chunk_ms)
        return size / self.frame_bytes / self.sample_rate * 1000
