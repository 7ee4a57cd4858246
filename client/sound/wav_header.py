"""WAV header parser that reads forward only, for pipes as well as files.

libsndfile rejects or misreads files that recorders really write: sizes that were never filled in,
odd chunks without pad byte, 24-bit samples in 4 bytes. Hence this parser.
"""

from __future__ import annotations

import struct

from client.errors import SoundError
from client.sound.encodings import Encoding, parse_format
from client.sound.inputs import ByteInput
from client.sound.reader import PcmReader, empty_sound_error

# Recorders that do not know the size yet write this or more: arecord 0x80000000, sox about
# 0x7FFFF000, ffmpeg 0xFFFFFFFF.
_UNSIZED = 0x7FFF_0000
_NOT_IN_32_BITS = 0xFFFF_FFFF
# Names of the chunks of a WAV file.
_KNOWN = {
    *(b"fmt ", b"data", b"LIST", b"fact", b"bext", b"cue ", b"smpl", b"inst", b"plst", b"ds64"),
    *(b"id3 ", b"ID3 ", b"iXML", b"axml", b"chna", b"cart", b"PEAK", b"DISP", b"_PMX", b"acid"),
    *(b"junk", b"JUNK", b"FLLR", b"PAD ", b"minf", b"elm1", b"regn", b"umid", b"levl", b"afsp"),
}
_BLOCK_BYTES = 65_536


def is_wav(head: bytes) -> bool:
    """Return whether the first 12 bytes are those of a WAV file."""
    return head[:4] in {b"RIFF", b"RF64", b"BW64"} and head[8:12] == b"WAVE"


def read_wav_header(source: ByteInput) -> PcmReader:
    """Read up to the first sample.

    Raises SoundError for a damaged file or one without sound, and UnsupportedEncodingError for an
    encoding that libsndfile may support.
    """
    return _Header(source).read()


class _Header:
    def __init__(self, source: ByteInput) -> None:
        self._input = source
        head = source.read(12)
        (self._riff_left,) = struct.unpack_from("<I", head, 4)  # bytes after that field
        self._riff_left -= 4
        self._data_size: int | None = None  # of a `ds64` chunk
        self._encoding: Encoding | None = None
        self._had_data = False

    def read(self) -> PcmReader:
        while len(head := self._take(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                reader = self._data(size)
                if reader is not None:
                    return reader
                self._had_data = True
            elif name == b"fmt ":
                self._encoding = parse_format(self._body(size))
            elif name == b"ds64":
                self._ds64(self._body(size))
            else:
                self._body(size)
        if self._had_data:
            raise empty_sound_error()
        raise SoundError("damaged: it ends before any sound")

    def _data(self, size: int) -> PcmReader | None:
        """Return a reader of the chunk's samples; None if the chunk is empty."""
        if self._encoding is None:
            raise SoundError("damaged: its sound comes before the description of its format")
        if size == _NOT_IN_32_BITS and self._data_size is not None:
            size = self._data_size
        elif size >= _UNSIZED and not self._is_there(size):
            return PcmReader(self._input, self._encoding)
        elif size == 0:
            return None if self._is_empty() else PcmReader(self._input, self._encoding)
        return PcmReader(self._input, self._encoding, size)

    def _is_there(self, size: int) -> bool:
        """Return whether a file is really that long."""
        remaining = self._input.remaining
        return remaining is not None and size <= remaining

    def _is_empty(self) -> bool:
        """Return whether a size of 0 is true: the next chunk or the end follows.

        A recorder that streams or has crashed leaves 0 too, and then samples follow.
        """
        head = self._input.peek(8)
        if len(head) < 8:
            return not head
        name, size = struct.unpack("<4sI", head)
        if name in _KNOWN:
            return True
        within = self._input.remaining
        limit = self._riff_left if within is None else min(self._riff_left, within)
        return _is_name(name) and 8 + size <= limit

    def _ds64(self, body: bytes) -> None:
        if len(body) >= 16:
            riff_size, self._data_size = struct.unpack_from("<QQ", body)
            self._riff_left = riff_size

    def _skip_pad(self, size: int) -> None:
        """Skip the pad byte after a chunk of odd length, unless the writer omitted it."""
        if size % 2 == 0:
            return
        ahead = self._input.peek(5)
        if ahead[1:5] in _KNOWN or not (ahead[:4] in _KNOWN or _is_name(ahead[:4])):
            self._take(1)

    def _body(self, size: int) -> bytes:
        """Return the beginning of a chunk's body and skip the rest."""
        body = self._take(min(size, _BLOCK_BYTES))
        left = size - len(body)
        while left > 0 and (skipped := self._take(min(left, _BLOCK_BYTES))):
            left -= len(skipped)
        self._skip_pad(size)
        return body

    def _take(self, size: int) -> bytes:
        data = self._input.read(size)
        self._riff_left -= len(data)
        return data


def _is_name(name: bytes) -> bool:
    """Return whether four bytes may be a chunk name."""
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)
