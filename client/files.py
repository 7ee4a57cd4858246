"""Sound files as the command line names them: sources to send, sinks to hear into."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from client.audio import to_pcm
from client.capture import ChunkSource, PcmInput, Recording
from client.errors import SoundError
from client.listener import OpenSink
from client.playout import NullSink, Sink
from client.speaker import OpenSource
from client.wav import WavWriter, read_wav
from shared.models.audio_format import AudioFormat

STANDARD_INPUT = "-"


def source_named(name: str) -> OpenSource:
    """A WAV file, read now so that its faults show at once, or `-`. Raises SoundError."""
    if name == STANDARD_INPUT:
        if sys.stdin.isatty():
            raise SoundError("standard input is a keyboard; pipe sound into it or name a WAV file")
        return lambda audio_format: PcmInput(sys.stdin.buffer, audio_format)
    sound = read_wav(Path(name))

    def opened(audio_format: AudioFormat) -> ChunkSource:
        return Recording(to_pcm(sound, audio_format), audio_format)

    return opened


def sink_named(path: Path | None, files: contextlib.ExitStack) -> OpenSink:
    """A WAV file that `files` closes, or nothing at all without a path.

    It is created when the format is known; SoundError is raised then.
    """

    def opened(audio_format: AudioFormat) -> Sink:
        if path is None:
            return NullSink()
        if not audio_format.is_pcm:
            raise SoundError(
                f"the session's audio is {audio_format.encoding}, which cannot be written as WAV; "
                "leave --out away"
            )
        return files.enter_context(WavWriter(path, audio_format.sample_rate))

    return opened
