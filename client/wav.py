"""WAV files: reads every common kind (also those that the standard library refuses), writes PCM.

Reading knows PCM of 8, 16, 24 and 32 bits, floating point of 32 and 64, any number of channels,
WAVE_FORMAT_EXTENSIBLE, and files whose sizes were never filled in because they were streamed.
"""

from __future__ import annotations

import struct
import wave
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from client.errors import SoundError

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_NAMES = {
    0x0002: "ADPCM",
    0x0006: "A-law",
    0x0007: "µ-law",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0050: "MPEG",
    0x0055: "MP3",
    0x00FF: "AAC",
}
_CONVERT = "convert it: ffmpeg -i YOUR_FILE -c:a pcm_s16le speech.wav"
_UNREAD = f"which is not read here; {_CONVERT}"
# A longer gap is shortened to this, so that no message can make the file arbitrarily large.
MAX_SILENCE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples between -1.0 and 1.0, one row a frame and one column a channel, and their rate."""

    samples: npt.NDArray[np.float64]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class _Encoding:
    tag: int
    channels: int
    sample_rate: int
    bits: int


def read_wav(path: Path) -> Sound:
    """The sound in a WAV file.

    Raises SoundError, saying what to do about it, if the file is missing, no WAV file, without
    sound, or of an encoding that is not read here.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SoundError(f"{path}: there is no such file; check the spelling") from None
    except IsADirectoryError:
        raise SoundError(f"{path} is a directory; name a WAV file in it") from None
    except OSError as fault:
        raise SoundError(f"{path} cannot be read: {fault.strerror}") from fault
    if not content:
        raise SoundError(f"{path} is an empty file, not a WAV recording")
    try:
        return parse_wav(content)
    except SoundError as fault:
        raise SoundError(f"{path}: {fault}") from None


def parse_wav(content: bytes) -> Sound:
    """As `read_wav`, of the bytes of such a file. Raises SoundError."""
    if content[:4] in {b"RIFX", b"RF64"}:
        raise SoundError(f"a WAV file of the kind {content[:4].decode()}, {_UNREAD}")
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise SoundError(f"not a WAV file; {_CONVERT}")
    encoding: _Encoding | None = None
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        body = content[at + 8 : at + 8 + size]  # shorter at the end of a streamed file
        if name == b"fmt ":
            encoding = _read_encoding(body)
        elif name == b"data":
            if encoding is None:
                raise SoundError("damaged: its sound comes before the description of its format")
            rest = content[at + 8 :]
            return _decode(encoding, rest if _is_unsized(size, rest) else body)
        at += 8 + size + size % 2
    raise SoundError("damaged: it ends before any sound")


def _is_unsized(size: int, rest: bytes) -> bool:
    """Whether the size was never filled in, as when a file is streamed or its recorder died."""
    return size == 0xFFFFFFFF or (size == 0 and rest[:4] not in {b"LIST", b"id3 "})


def _read_encoding(body: bytes) -> _Encoding:
    if len(body) < 16:
        raise SoundError("damaged: the description of its format is too short")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE:
        if len(body) < 26:
            raise SoundError("damaged: the description of its format is too short")
        (tag,) = struct.unpack_from("<H", body, 24)  # the first field of the subformat's GUID
    if channels == 0 or rate == 0:
        raise SoundError("damaged: it claims to have no channels or no sample rate")
    supported = (tag == _PCM and bits in {8, 16, 24, 32}) or (tag == _FLOAT and bits in {32, 64})
    if not supported:
        name = _NAMES.get(tag, {_PCM: "PCM", _FLOAT: "floating point"}.get(tag, f"code {tag:#06x}"))
        raise SoundError(f"encoded as {name} with {bits} bits, {_UNREAD}")
    return _Encoding(tag, channels, rate, bits)


def _decode(encoding: _Encoding, data: bytes) -> Sound:
    frame_bytes = encoding.channels * encoding.bits // 8
    data = data[: len(data) // frame_bytes * frame_bytes]
    if not data:
        raise SoundError("contains no sound; record something first")
    samples = _samples(encoding, data)
    return Sound(samples.reshape(-1, encoding.channels), encoding.sample_rate)


def _samples(encoding: _Encoding, data: bytes) -> npt.NDArray[np.float64]:
    if encoding.tag == _FLOAT:
        floats = np.frombuffer(data, dtype=f"<f{encoding.bits // 8}").astype(np.float64)
        finite: npt.NDArray[np.float64] = np.nan_to_num(floats, posinf=1.0, neginf=-1.0)
        return finite
    if encoding.bits == 8:  # the only unsigned kind
        return (np.frombuffer(data, dtype=np.uint8).astype(np.float64) - 128) / 128
    if encoding.bits == 24:
        # As the upper three bytes of 32-bit samples, so that the sign comes out right.
        wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
        narrow = np.frombuffer(wide.tobytes(), dtype="<i4")
        return narrow.astype(np.float64) / 2**31
    integers = np.frombuffer(data, dtype=f"<i{encoding.bits // 8}")
    return integers.astype(np.float64) / float(1 << (encoding.bits - 1))


class WavWriter:
    """Writes 16-bit mono PCM to a WAV file; a context manager.

    Raises SoundError if the file cannot be created.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._raw = path.open("wb")  # both are closed by `close`
        except OSError as fault:
            raise SoundError(f"{path} cannot be written: {fault.strerror}") from fault
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(sample_rate)

    def write(self, pcm: bytes) -> None:
        """Append s16le samples."""
        self._file.writeframes(pcm)

    def silence(self, duration_ms: float) -> None:
        """Append silence, at most MAX_SILENCE_MS of it."""
        samples = round(min(duration_ms, MAX_SILENCE_MS) * self._sample_rate / 1000)
        self._file.writeframes(bytes(2 * samples))

    def close(self) -> None:
        """Complete the file."""
        self._file.close()
        self._raw.close()

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
