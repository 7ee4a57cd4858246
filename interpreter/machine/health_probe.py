"""Whether an engine that was out of order works again: tried where nobody hears it.

A machine that took its seats again in order to find out would take its listeners the floor, for as
long as an engine that hangs lets it wait.
"""

from __future__ import annotations

from dataclasses import dataclass

from client.playback.capture import Sleep
from interpreter.engine import Engine
from interpreter.machine.options import Limits
from interpreter.machine.timeouts import opened, within


@dataclass(frozen=True, slots=True)
class HealthProbe:
    """Asks the engine for what it had failed in, within the limits of its calls."""

    engine: Engine
    source_language: str
    sample_rate: int
    limits: Limits
    sleep: Sleep

    async def hears(self) -> bool:
        """Whether a recogniser can be opened."""
        limits = self.limits
        try:
            async with opened(
                self.sleep,
                self.engine.recogniser(self.source_language, self.sample_rate),
                start_seconds=limits.start_seconds,
                close_seconds=limits.finish_seconds,
            ):
                return True
        except Exception:  # noqa: BLE001 - an engine is somebody else's code
            return False

    async def says(self, text: str, language: str) -> bool:
        """Whether that is translated and spoken."""
        limits, engine = self.limits, self.engine
        try:
            translating = engine.translate(text, self.source_language, language)
            translated = await within(self.sleep, limits.translate_seconds, translating)
            speaking = engine.speak(translated, language, self.sample_rate, 1.0)
            spoken = await within(self.sleep, limits.speak_seconds, speaking)
        except Exception:  # noqa: BLE001 - an engine is somebody else's code
            return False
        return bool(translated.strip() and spoken)
