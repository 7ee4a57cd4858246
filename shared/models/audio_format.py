"""Audio format of a session, with conversions between bytes and time."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

PCM: Final = "pcm_s16le"
OPUS: Final = "opus"
MIN_DEADLINE_MS = 400


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
    def deadline_ms(self) -> int:
        """Time after arrival (ms) within which a chunk is sent; later it is dropped."""
        return max(2 * self.chunk_ms, MIN_DEADLINE_MS)

    def duration_ms(self, size: int) -> float:
        """Duration of `size` bytes, in ms. For opus, whose size varies, that of one chunk."""
        if not self.is_pcm:
            return float(self.chunk_ms)
        return size / self.frame_bytes / self.sample_rate * 1000
