"""A sound input as a source of chunks, decoded in threads at most one block ahead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

from client.errors import SoundError
from client.sound.conversion import block_frames, convert, read_blocks, to_chunks
from client.sound.encodings import Samples
from client.sound.formats import open_reader
from client.sound.inputs import ByteInput
from client.sound.reader import SampleReader, empty_sound_error, raw_reader
from shared.models.audio_format import AudioFormat


class SoundInput:
    """One input that is read once; `name` begins the error messages.

    `prepare` and the iterator of `chunks` block, and may be called from any thread. `stop` ends
    them from another thread.
    """

    def __init__(self, source: ByteInput, name: str, *, may_be_raw: bool) -> None:
        self._input = source
        self._name = name
        self._may_be_raw = may_be_raw
        self._lock = threading.Lock()
        self._prepared = False
        self._fault: SoundError | None = None
        self._reader: SampleReader | None = None
        self._first: Samples | None = None
        self._frames: int | None = None

    @property
    def live(self) -> bool:
        """Whether the input may be live: anything but a regular file."""
        return not self._input.seekable

    def total(self, audio_format: AudioFormat) -> int | None:
        """Return the number of chunks, if known."""
        reader = self._reader
        if reader is None or self._frames is None:
            return None
        samples = self._frames * audio_format.sample_rate / reader.sample_rate
        return -int(-samples // (audio_format.chunk_bytes // audio_format.frame_bytes))

    def prepare(self) -> None:
        """Detect the format and read the first block. Raises SoundError."""
        with self._lock:
            self._prepare()

    def _prepare(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._prepared:
            return
        try:
            self._open()
        except SoundError as fault:
            self._fault = self._named(fault)
            raise self._fault from fault
        self._prepared = True

    def _open(self) -> None:
        self._reader = open_reader(self._input, may_be_raw=self._may_be_raw)
        if self._reader is not None:
            self._frames = self._reader.frames
            self._first = self._reader.read(block_frames(self._reader.sample_rate))
            if not len(self._first):
                raise empty_sound_error()

    def chunks(self, audio_format: AudioFormat) -> Iterator[bytes]:
        """Yield the input as chunks of a session. Raises SoundError."""
        pcm = self._converted(audio_format)
        chunks = to_chunks(pcm, audio_format)
        while True:
            with self._lock:
                try:
                    chunk = next(chunks, None)
                except SoundError as fault:
                    raise self._named(fault) from fault
            if chunk is None:
                return
            yield chunk

    def _converted(self, audio_format: AudioFormat) -> Iterator[bytes]:
        self._prepare()
        reader = self._reader or raw_reader(self._input, audio_format.sample_rate)
        yield from convert(self._blocks(reader), reader.sample_rate, audio_format)

    def _blocks(self, reader: SampleReader) -> Iterator[Samples]:
        if self._first is not None:
            yield self._first
        yield from read_blocks(reader)

    def _named(self, fault: SoundError) -> SoundError:
        text = str(fault)
        return fault if text.startswith(self._name) else SoundError(f"{self._name}: {text}")

    def stop(self) -> None:
        """End a waiting read; nothing more is read."""
        self._input.stop()

    def close(self) -> None:
        """Stop, wait for the reading thread, and release all resources."""
        self.stop()
        with self._lock:
            if self._reader is not None:
                self._reader.close()
            self._input.close()


class SoundSource:
    """A `client.playback.capture.ChunkSource` over a sound input."""

    def __init__(self, sound: SoundInput, audio_format: AudioFormat) -> None:
        self._sound = sound
        self._format = audio_format

    @property
    def live(self) -> bool:
        """True for anything but a regular file."""
        return self._sound.live

    @property
    def total(self) -> int | None:
        """Number of chunks, if the header tells."""
        return self._sound.total(self._format)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = self._sound.chunks(self._format)
        try:
            while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                yield chunk
        finally:
            self._sound.stop()  # releases the thread if this was cancelled
