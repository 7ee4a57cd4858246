"""Detection of an input's format by its first bytes."""

from __future__ import annotations

from typing import Final

from client.errors import SoundError
from client.sound.encodings import UnsupportedEncodingError
from client.sound.inputs import ByteInput
from client.sound.library import CONVERT, LibraryReader
from client.sound.reader import SampleReader, empty_sound_error
from client.sound.wav_header import is_wav, read_wav_header

# Magic bytes of formats that libsndfile reads.
_LIBRARY: Final = (
    b"fLaC",
    b"OggS",
    b"ID3",
    b"RIFX",
    b"FORM",  # AIFF
    b".snd",
    b"caff",
    b"riff\x2e\x91\xcf\x11",  # Wave64
    b"Creative Voice File",
    b"NIST_1A",
)
# Magic bytes of other formats that users may pass by mistake. As raw samples they would be noise.
_FOREIGN: Final = {
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"0&\xb2u\x8ef\xcf\x11": "Windows Media",
    b"#!AMR": "AMR",
    b"MThd": "MIDI, which is notes",
    b"%PDF-": "PDF",
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b\x08": "gzip",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
}
_HEAD_BYTES = 12
# Plausible limits; higher values mean a damaged file, and would cost memory and time.
_MAX_CHANNELS = 256
_RATES_HZ: Final = range(1_000, 1_000_001)
# MPEG audio: consecutive frames that identify a stream, and their maximum size.
_MPEG_FRAMES = 3
_MPEG_BYTES = 3 * 1_441 + 4
_MPEG_1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_1_HZ = (44_100, 48_000, 32_000)


def open_reader(source: ByteInput, *, may_be_raw: bool) -> SampleReader | None:
    """Return a reader for the input's format; None for raw samples, which have no magic bytes.

    Blocks until the first bytes arrive. Raises SoundError.
    """
    reader = _reader(source, may_be_raw=may_be_raw)
    if reader is None:
        return None
    for fault, found in (
        (f"{reader.channels} channels", reader.channels > _MAX_CHANNELS),
        (f"{reader.sample_rate} samples a second", reader.sample_rate not in _RATES_HZ),
    ):
        if found:
            reader.close()
            raise SoundError(f"damaged: it claims to have {fault}")
    return reader


def _reader(source: ByteInput, *, may_be_raw: bool) -> SampleReader | None:
    head = source.peek(_HEAD_BYTES)
    if not head:
        raise empty_sound_error()
    if is_wav(head):
        try:
            return read_wav_header(source)
        except UnsupportedEncodingError:
            if not source.seekable:
                raise SoundError(
                    f"a compressed WAV, unreadable from a pipe; name the file, or {CONVERT}"
                ) from None
            return LibraryReader(source)
    if foreign := _foreign(head):
        raise SoundError(f"{foreign}, which cannot be read here; {CONVERT}")
    if head.startswith(_LIBRARY) or not may_be_raw or _is_mp3(source):
        return LibraryReader(source)
    return None


def _foreign(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return "MP4 or M4A"
    if head[:4] == b"RIFF":
        return "RIFF, but not WAVE"
    return next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)


def _is_mp3(source: ByteInput) -> bool:
    """Return whether the input begins with consecutive MPEG layer III frames.

    One header could be a raw sample; three headers at the right distances could not.
    """
    if not _frame_bytes(source.peek(4)):
        return False
    ahead = source.peek(_MPEG_BYTES)
    at = 0
    for _ in range(_MPEG_FRAMES):
        size = _frame_bytes(ahead[at : at + 4])
        if not size:
            return at > 0 and at == len(ahead)
        at += size
    return True


def _frame_bytes(header: bytes) -> int:
    """Return the size of a layer III frame from its header; 0 for an invalid header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, kbps_index, rate_index = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or kbps_index in {0, 15} or rate_index == 3:
        return 0
    rate = _MPEG_1_HZ[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    kbps = (_MPEG_1_KBPS if version == 3 else _MPEG_2_KBPS)[kbps_index]
    return (144_000 if version == 3 else 72_000) * kbps // rate + (header[2] >> 1 & 1)
