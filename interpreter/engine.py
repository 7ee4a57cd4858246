"""Interface of interpretation engines: recognition, translation and speech.

Engines know nothing of sessions, connections or leases. The machine applies a time limit to every
call and handles all failures. Audio is s16le mono. Times are ms since the Unix epoch, by the
speaker's clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

# Stages of an engine, in order of processing.
Stage = Literal["recognise", "translate", "speak"]


class EngineError(Exception):
    """An engine call failed. `retryable` if the same call may succeed in a moment.

    The message names the problem and the remedy. It never contains spoken text.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class EngineUnavailableError(EngineError):
    """The engine cannot work here: a program, a package or a permission is missing."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class UnsupportedLanguageError(EngineError):
    """The engine cannot recognise, translate or speak a language."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


@dataclass(frozen=True, slots=True)
class FloorChunk:
    """Audio of the floor; `timestamp` is the capture time of its first sample."""

    timestamp: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """Text recognised in an interval of the floor.

    A partial result (not `final`) is replaced by the next result. A final result ends an utterance.
    Final results come in chronological order and do not overlap. `timestamp` and `end_timestamp`
    are floor times; `end_timestamp` is the end of the last word, without the silence after it.
    """

    text: str
    final: bool
    timestamp: int
    end_timestamp: int


class Recogniser(Protocol):
    """Recognises one floor.

    Any method may raise EngineError; the recogniser is then unusable.
    """

    async def hear(self, chunk: FloorChunk) -> None:
        """Process the next chunk.

        Chunks come in order. After a gap in their timestamps (lost audio or a pause), the times of
        results follow the timestamps.
        """

    def results(self) -> AsyncIterator[RecognitionResult]:
        """Iterate over results as they come; ends after `finish`. Supports one reader."""

    async def finish(self) -> None:
        """Signal the end of the audio, so that the last utterance is recognised."""


class Engine(Protocol):
    """An interpretation engine. Languages are lower-case BCP 47 codes."""

    @property
    def name(self) -> str:
        """Name in configuration: `aws`, `offline`, `scripted`."""

    def targets(self, source: str) -> frozenset[str]:
        """Languages that the source language can be interpreted into.

        Raises UnsupportedLanguageError if the engine cannot recognise the source.
        """

    def recogniser(
        self, language: str, sample_rate: int
    ) -> AbstractAsyncContextManager[Recogniser]:
        """Open a recogniser for audio at `sample_rate` Hz. Entering raises EngineError."""

    async def translate(self, text: str, source: str, target: str) -> str:
        """Translate a text. Raises EngineError."""

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """Synthesise speech, as samples at `sample_rate` Hz.

        `speed` 1.0 is the voice's normal speed, 1.5 half as fast again. Raises EngineError.
        """

    async def close(self) -> None:
        """Release processes and connections. May be repeated."""
