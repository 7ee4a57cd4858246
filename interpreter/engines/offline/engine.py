"""Offline engine on pocketsphinx (English), apertium and espeak-ng."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from interpreter.engine import Recogniser, UnsupportedLanguageError
from interpreter.engines.offline import programs
from interpreter.engines.offline.apertium_modes import installed_pairs
from interpreter.engines.offline.recogniser import open_recogniser
from interpreter.engines.offline.translator import Translator
from interpreter.engines.offline.voices import Voices, list_voices

_SOURCE = "en"


class OfflineEngine:
    """Interprets English into the languages that apertium and espeak-ng both have.

    The constructor raises EngineUnavailableError if a program is missing; the message says what to
    install. Any number of recognisers may be open. They share translators and voices.
    """

    name = "offline"

    def __init__(self, modes: Path = programs.MODES) -> None:
        programs.require(modes)
        voices = list_voices()
        translated = {code: mode for code, mode in installed_pairs(modes).items() if code in voices}
        self._targets = frozenset(translated)
        self._translator = Translator(translated)
        self._voices = Voices(self._targets)

    def targets(self, source: str) -> frozenset[str]:
        """See `Engine`: Spanish, Catalan, and other languages whose pairs are installed.

        Raises UnsupportedLanguageError unless the source is English.
        """
        if source != _SOURCE and not source.startswith(f"{_SOURCE}-"):
            raise UnsupportedLanguageError(
                f"the offline engine recognises English only, not {source}"
            )
        return self._targets

    @contextlib.asynccontextmanager
    async def recogniser(self, language: str, sample_rate: int) -> AsyncIterator[Recogniser]:
        """Open a recogniser in its own process, and start the translators.

        Audio at 8 kHz is recognised poorly, since the model uses frequencies above 4 kHz.
        """
        self.targets(language)
        async with open_recogniser(sample_rate) as recogniser:
            await self._translator.warm()
            yield recogniser

    async def translate(self, text: str, source: str, target: str) -> str:
        """Translate a text into one line. Raises EngineError."""
        self.targets(source)
        return await self._translator.translate(text, target)

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """See `Engine`."""
        return await self._voices.speak(text, language, sample_rate, speed)

    async def close(self) -> None:
        """End the translators' processes. May be repeated."""
        await self._translator.close()
