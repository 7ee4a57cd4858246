"""The offline engine: pocketsphinx hears English, apertium translates, espeak-ng speaks."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from interpreter.engine import Recogniser, UnsupportedLanguageError
from interpreter.engines.offline import programs
from interpreter.engines.offline.apertium_modes import pairs
from interpreter.engines.offline.recogniser import decoding
from interpreter.engines.offline.translator import Translator
from interpreter.engines.offline.voices import Voices, list_voices

_SOURCE = "en"


class OfflineEngine:
    """Interprets English into what apertium and espeak-ng both know on this machine.

    Making one raises EngineUnavailableError if a program is missing; the message says what to
    install. Any number of recognisers may be open; translations and voices are shared.
    """

    name = "offline"

    def __init__(self, modes: Path = programs.MODES) -> None:
        programs.require(modes)
        voices = list_voices()
        translated = {code: mode for code, mode in pairs(modes).items() if code in voices}
        self._targets = frozenset(translated)
        self._translator = Translator(translated)
        self._voices = Voices(self._targets)

    def targets(self, source: str) -> frozenset[str]:
        """Spanish and Catalan, and others whose pairs are installed.

        Raises UnsupportedLanguageError unless the source is English.
        """
        if source != _SOURCE and not source.startswith(f"{_SOURCE}-"):
            raise UnsupportedLanguageError(f"the offline engine hears English only, not {source}")
        return self._targets

    @contextlib.asynccontextmanager
    async def recogniser(self, language: str, sample_rate: int) -> AsyncIterator[Recogniser]:
        """A recogniser in a process of its own; translations are made ready as well. Of sound
        sampled at 8 kHz it understands little: its model listens for what is above 4 kHz too.
        """
        self.targets(language)
        async with decoding(sample_rate) as recogniser:
            await self._translator.warm()
            yield recogniser

    async def translate(self, text: str, source: str, target: str) -> str:
        """The text in one line. Raises EngineError."""
        self.targets(source)
        return await self._translator.translate(text, target)

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """The text spoken. Raises EngineError."""
        return await self._voices.speak(text, language, sample_rate, speed)

    async def close(self) -> None:
        """End the translations' programs. May be repeated."""
        await self._translator.close()
