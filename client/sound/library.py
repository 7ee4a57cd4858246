"""Reading of FLAC, OGG, MP3, AIFF and other formats with libsndfile.

https://libsndfile.github.io/libsndfile/api.html
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Final

import soundfile

from client.errors import SoundError
from client.sound.encodings import Samples, sanitize
from client.sound.inputs import ByteInput

CONVERT: Final = "convert it: ffmpeg -i YOUR_FILE -c:a pcm_s16le speech.wav"
# Bytes of a pipe to keep: decoders seek back over a frame or two, and over metadata.
_WINDOW_BYTES = 2**20
_PUMP_BYTES = 16_384
# Pretended length of a pipe, and the limit above which a length is not real.
_NO_END = 2**62
_BEYOND = 2**61


class _ForwardOnlyFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is only read forward.

    soundfile seeks after each read of a seekable file. That makes the MP3 decoder lose the previous
    frame, which causes noise and errors on stderr.
    """

    def seekable(self) -> bool:
        """Return False."""
        return False


class LibraryReader:
    """Samples of any format that libsndfile supports.

    Pipes are passed in the way that the format's decoder can stream: FLAC and MP3 through callbacks
    that seek back a little, OGG and others through an OS pipe. Truncated files are passed likewise:
    an OGG without its last page has no length and cannot be opened as a file.
    """

    def __init__(self, source: ByteInput) -> None:
        self._input = source
        self._window: _Window | None = None
        self._pump: threading.Thread | None = None
        self._frames: int | None = None
        try:
            self._file = self._opened()
        except (soundfile.SoundFileError, TypeError) as fault:  # TypeError: taken for raw samples
            self._join()
            where = ";" if source.seekable else " from a pipe; name the file, or"
            raise SoundError(f"not a sound file that can be read here{where} {CONVERT}") from fault

    def _opened(self) -> soundfile.SoundFile:
        descriptor = self._input.rewind()
        if descriptor is not None:
            with contextlib.suppress(soundfile.SoundFileError):
                file = _ForwardOnlyFile(descriptor, closefd=False)
                if 0 < file.frames < _BEYOND:
                    self._frames = int(file.frames)
                    return file
                file.close()
            self._input.rewind()
        head = self._input.peek(4)
        if head == b"fLaC" or head[:3] == b"ID3" or head[:1] == b"\xff":
            self._window = _Window(self._input)
            return _ForwardOnlyFile(self._window)
        reading, self._pump = _start_pump(self._input)
        return _ForwardOnlyFile(reading)

    @property
    def sample_rate(self) -> int:
        """Frames per second."""
        return int(self._file.samplerate)

    @property
    def channels(self) -> int:
        """Columns."""
        return int(self._file.channels)

    @property
    def frames(self) -> int | None:
        """Number of frames by the header; None for an input that may be live."""
        return self._frames

    def read(self, frames: int) -> Samples:
        """Read the next frames; fewer only at the end. Raises SoundError for damaged data."""
        try:
            samples: Samples = self._file.read(frames, dtype="float64", always_2d=True)
        except soundfile.SoundFileError as fault:
            raise SoundError("damaged: it cannot be decoded further") from fault
        if self._window is not None and self._window.fault is not None:
            raise self._window.fault
        return sanitize(samples)

    def close(self) -> None:
        """Release the decoder. The input must be stopped or at its end."""
        with contextlib.suppress(soundfile.SoundFileError):
            self._file.close()
        self._join()

    def _join(self) -> None:
        if self._pump is not None:
            self._input.stop()
            self._pump.join()


class _Window:
    """A file object over a stream: reads forward, and seeks back within the window.

    libsndfile calls it from C, so it must not raise. It stores the error and reports the end.
    """

    def __init__(self, source: ByteInput) -> None:
        self._input = source
        self._kept = bytearray()
        self._base = 0
        self._at = 0
        self._before_end = 0
        self._refused = False
        self.fault: SoundError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set and return the position."""
        if whence == os.SEEK_END and offset < 0:
            # The MP3 decoder looks for a tag at the end. A failed seek tells it that this is a
            # stream; otherwise it warns about the length on stderr.
            self._refused = True
            self._at = self._before_end
            return -1
        if whence == os.SEEK_END:
            self._before_end = self._at
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: _NO_END}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return the position; -1 right after a refused seek."""
        if self._refused:
            self._refused = False
            return -1
        return self._at

    def write(self, data: bytes) -> int:
        """Do nothing; soundfile requires the method."""
        return 0

    def readinto(self, target: memoryview) -> int:
        """Fill `target` and return the number of bytes."""
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Read bytes at the position; none at the pretended end."""
        if self._at >= _BEYOND:
            return b""
        if self._at < self._base:
            self.fault = SoundError("cannot be read from a pipe; name the file")
            return b""
        self._fetch(self._at + size)
        start = self._at - self._base
        data = bytes(self._kept[start : start + size])
        self._at += len(data)
        return data

    def _fetch(self, end: int) -> None:
        while self._base + len(self._kept) < end:
            try:
                data = self._input.read(min(end - self._base - len(self._kept), _PUMP_BYTES))
            except SoundError as fault:
                self.fault = fault
                return
            if not data:
                return
            self._kept += data
            surplus = len(self._kept) - 2 * _WINDOW_BYTES
            if surplus > 0:  # during a long skip
                del self._kept[: surplus + _WINDOW_BYTES]
                self._base += surplus + _WINDOW_BYTES


def _start_pump(source: ByteInput) -> tuple[int, threading.Thread]:
    """Start a thread that copies the input to a pipe, until the input or the pipe's reader ends.

    Returns the pipe's reading end and the thread.
    """
    reading, writing = os.pipe()

    def pump() -> None:
        with contextlib.suppress(OSError, SoundError), os.fdopen(writing, "wb", 0) as pipe:
            while data := source.read_some(_PUMP_BYTES):
                pipe.write(data)

    thread = threading.Thread(target=pump, name="sound pump", daemon=True)
    thread.start()
    return reading, thread
