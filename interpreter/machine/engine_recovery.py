"""Suspension of a failing engine, and background probes until it works again."""

from __future__ import annotations

from client.playback.capture import Sleep
from interpreter.machine.engine_health import EngineHealth
from interpreter.machine.health_probe import HealthProbe
from interpreter.machine.report import EngineSuspended, Hooks


class EngineRecovery:
    """Suspends and probes an engine. Language None is the engine as a whole.

    `last_sentence` is the text that probes translate and speak: the last sentence of the floor,
    since the engine may fail only with certain texts.
    """

    def __init__(
        self, health: EngineHealth, probe: HealthProbe, hooks: Hooks, sleep: Sleep
    ) -> None:
        self.last_sentence = ""
        self._health = health
        self._probe = probe
        self._hooks = hooks
        self._sleep = sleep

    def suspend(self, language: str | None) -> float:
        """Suspend a language and return the seconds until the next probe."""
        seconds = self._health.suspend(language)
        self._hooks.on_news(EngineSuspended(seconds, language))
        return seconds

    async def recover(self, language: str | None, seconds: float) -> None:
        """Probe a suspended language until it works, first after `seconds`; then resume."""
        await self._sleep(seconds)
        while not await self._works(language):
            await self._sleep(self.suspend(language))
        self._health.resume(language)

    async def _works(self, language: str | None) -> bool:
        if language is None:
            return await self._probe.can_recognise()
        return await self._probe.can_speak(self.last_sentence, language)
