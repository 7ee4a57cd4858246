"""What a machine interpreter is made of: something that recognises, translates and speaks.

An engine knows nothing of sessions, connections or leases; `interpreter` asks it, bounds every
call in time, and deals with whatever it answers or does not. Sound is s16le mono; times are ms
since the Unix epoch, by the clock of whoever spoke.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

# What an engine does with a sentence, in this order.
Stage = Literal["recognise", "translate", "speak"]


class EngineError(Exception):
    """An engine could not do what it was asked; `retryable` if the same may work in a moment.

    The message names what is wrong and the remedy; it holds nothing that was said.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class EngineUnavailableError(EngineError):
    """The engine cannot work here at all: a program, a package or a right is missing."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class UnsupportedLanguageError(EngineError):
    """The engine cannot hear, translate or speak that language."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


@dataclass(frozen=True, slots=True)
class FloorChunk:
    """Sound of the floor; `timestamp` is the capture time of its first sample."""

    timestamp: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was said in an interval of the floor.

    One that is not `final` may still change, and the next one replaces it; a final one ends an
    utterance. Finals come in the order in which they were spoken, and do not overlap. `timestamp`
    and `end_timestamp` are floor times; the latter is the end of the last word, not of the silence
    by which it was found.
    """

    text: str
    final: bool
    timestamp: int
    end_timestamp: int


class Recogniser(Protocol):
    """Hears one floor. Every method may raise EngineError; then it is of no use any more."""

    async def hear(self, chunk: FloorChunk) -> None:
        """Take in the next chunk. Chunks come in order; after a gap in the timestamps (sound that
        was lost, or a pause) the times of what is recognised follow the timestamps.
        """

    def results(self) -> AsyncIterator[Recognised]:
        """What is recognised, as it is; ends after `finish` with the last utterance. One reader."""

    async def finish(self) -> None:
        """No more sound will come: what was heard is recognised to its end."""


class Engine(Protocol):
    """Recognises, translates and speaks. Languages are lower-case BCP 47 codes."""

    @property
    def name(self) -> str:
        """As it is asked for: `aws`, `offline`, `scripted`."""

    def targets(self, source: str) -> frozenset[str]:
        """The languages that the floor's language can be interpreted into.

        Raises UnsupportedLanguageError if it cannot hear the source at all.
        """

    def recogniser(
        self, language: str, sample_rate: int
    ) -> AbstractAsyncContextManager[Recogniser]:
        """A recogniser of a floor in that language, sampled at `sample_rate` Hz; closed at the end
        of the block. Entering raises EngineError.
        """

    async def translate(self, text: str, source: str, target: str) -> str:
        """The text in the target language. Raises EngineError."""

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """The text spoken, as samples at `sample_rate` Hz. `speed` 1.0 is the voice's own,
        1.5 half as fast again. Raises EngineError.
        """

    async def close(self) -> None:
        """Let go of processes and connections. May be repeated."""
