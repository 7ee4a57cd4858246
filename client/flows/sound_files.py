"""Sound files of the command line: sources to send, and recordings."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from client.errors import SoundError
from client.flows.speaker import OpenSource
from client.playback.playout import NullSink, Sink
from client.playback.recorder import Recorder
from client.sound.inputs import DescriptorInput, open_path, read_error
from client.sound.outputs import prepare_directory
from client.sound.source import SoundInput, SoundSource
from shared.models.audio_format import AudioFormat

STANDARD_INPUT = "-"
# How long to wait for the first sample of a pipe before the session opens without it. Errors of
# the pipe then show later.
_STARTING_SECONDS = 2.0


async def prepare_source(
    name: str, files: contextlib.ExitStack, *, starting_seconds: float = _STARTING_SECONDS
) -> OpenSource:
    """Open a sound file, FIFO or device, or `-` for standard input; `files` closes it.

    Reads the first samples, so that errors show before a session opens. A pipe gets
    `starting_seconds` to deliver them. Raises SoundError.
    """
    sound = files.enter_context(contextlib.closing(_input_named(name)))
    preparing = asyncio.create_task(asyncio.to_thread(sound.prepare))
    preparing.add_done_callback(lambda task: task.cancelled() or task.exception())
    files.callback(preparing.cancel)
    await asyncio.wait({preparing}, timeout=starting_seconds if sound.live else None)
    if preparing.done():
        preparing.result()
    return lambda audio_format: SoundSource(sound, audio_format)


def _input_named(name: str) -> SoundInput:
    if name != STANDARD_INPUT:
        source = open_path(name)
        return SoundInput(source, name, may_be_raw=not source.seekable)
    if sys.stdin is None:  # Python's value for a closed standard input
        raise SoundError("standard input is closed; pipe sound into it or name a sound file")
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError) as fault:  # replaced by the calling program, without descriptor
        raise read_error("standard input", fault) from fault
    source = DescriptorInput(descriptor, "standard input", owned=False)
    return SoundInput(source, "standard input", may_be_raw=True)


class RecordingFile:
    """Recording for `--out`, opened once the session's format is known."""

    def __init__(
        self, path: Path | None, files: contextlib.ExitStack, tell: Callable[[str], None]
    ) -> None:
        """Raises SoundError if `path` evidently cannot be written."""
        if path is not None:
            prepare_directory(path)
        self._path = path
        self._files = files
        self._tell = tell
        self._complete: bool | None = None  # None until it is closed

    def open(self, audio_format: AudioFormat) -> Sink:
        """Open a sink, which `files` closes; a NullSink without a path. Raises SoundError."""
        if self._path is None:
            return NullSink()
        if not audio_format.is_pcm:
            raise SoundError(
                f"the session's audio is {audio_format.encoding}, which cannot be written as WAV; "
                "omit --out"
            )
        try:
            recorder = Recorder(self._path, audio_format.sample_rate, self._tell)
        except SoundError as fault:  # the path was writable before joining
            self._tell(f"Not recorded, listening goes on: {fault}")
            return NullSink()
        self._files.callback(lambda: self._close(recorder))
        return recorder

    def _close(self, recorder: Recorder) -> None:
        self._complete = recorder.close()

    def summary(self) -> str | None:
        """Return a line about the recording, once `files` is closed; None without one."""
        if self._path is None or self._complete is None:
            return None
        return f"{'What' if self._complete else 'Part of what'} was heard is in {self._path}"
