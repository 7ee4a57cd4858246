"""Background test of a suspended engine.

A machine that took its channels back just to test the engine would cut its listeners off from the
floor while a hanging engine blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from client.playback.capture import Sleep
from interpreter.engine import Engine
from interpreter.machine.options import Limits
from interpreter.machine.timeouts import open_with_timeout, with_timeout


@dataclass(frozen=True, slots=True)
class HealthProbe:
    """Repeats the calls an engine failed in, with the usual time limits."""

    engine: Engine
    source_language: str
    sample_rate: int
    limits: Limits
    sleep: Sleep

    async def can_recognise(self) -> bool:
        """Whether a recogniser opens."""
        limits = self.limits
        try:
            async with open_with_timeout(
                self.sleep,
                self.engine.recogniser(self.source_language, self.sample_rate),
                start_seconds=limits.start_seconds,
                close_seconds=limits.finish_seconds,
            ):
                return True
        except Exception:  # noqa: BLE001 - engines are third-party code
            return False

    async def can_speak(self, text: str, language: str) -> bool:
        """Whether the engine translates and speaks the text."""
        limits, engine = self.limits, self.engine
        try:
            translating = engine.translate(text, self.source_language, language)
            translated = await with_timeout(self.sleep, limits.translate_seconds, translating)
            speaking = engine.speak(translated, language, self.sample_rate, 1.0)
            pcm = await with_timeout(self.sleep, limits.speak_seconds, speaking)
        except Exception:  # noqa: BLE001 - engines are third-party code
            return False
        return bool(translated.strip() and pcm)
