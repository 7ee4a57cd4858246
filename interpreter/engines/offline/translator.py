"""English text in other languages, by apertium's pipelines: one a language, kept warm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from interpreter.engine import EngineError, UnsupportedLanguageError
from interpreter.engines.offline.apertium_modes import stages
from interpreter.engines.offline.apertium_stream import escape, unescape
from interpreter.engines.offline.pipeline import Pipeline

# A sentence takes 3 ms. Starting takes 100 ms, and seconds where the machine is busy.
REQUEST_SECONDS = 5.0
MOST_CHARACTERS = 5_000
# Who asks for more at once gets an error instead of an answer that is too late.
_MOST_WAITING = 16


class Translator:
    """Translates what `modes` has a pipeline for, by language code."""

    def __init__(
        self, modes: Mapping[str, Path], *, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._pairs = {language: _Pair(mode, request_seconds) for language, mode in modes.items()}

    async def warm(self) -> None:
        """Start every pipeline, so that no sentence waits for it. One that does not start says so
        when it is asked: it does not keep the others from being of use.
        """
        starting = (pair.warm() for pair in self._pairs.values())
        faults = await asyncio.gather(*starting, return_exceptions=True)
        for fault in faults:
            if fault is not None and not isinstance(fault, EngineError):
                raise fault

    async def translate(self, text: str, target: str) -> str:
        """The text in one line; empty if there is nothing to say. Any text will do.

        Raises EngineError: UnsupportedLanguageError, too long a text, a program that failed.
        """
        if target not in self._pairs:
            raise UnsupportedLanguageError(f"English is not translated into {target} here")
        if len(text) > MOST_CHARACTERS:
            raise EngineError(
                f"a text of {len(text)} characters is too long, {MOST_CHARACTERS} are allowed",
                retryable=False,
            )
        request = escape(text).encode(errors="replace")
        answer = await self._pairs[target].ask(request)
        return unescape(answer.decode(errors="replace"))

    async def close(self) -> None:
        """End all programs; they start again if asked. May be repeated."""
        await asyncio.gather(*(pair.close() for pair in self._pairs.values()))


class _Pair:
    def __init__(self, mode: Path, request_seconds: float) -> None:
        self._mode = mode
        self._seconds = request_seconds
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._pipeline: Pipeline | None = None

    async def warm(self) -> None:
        async with self._turn():
            await self._ready()

    async def ask(self, request: bytes) -> bytes:
        async with self._turn():
            return await (await self._ready()).ask(request)

    async def close(self) -> None:
        async with self._lock:
            await self._let_go()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One request at a time, within its time; whatever fails leaves no pipeline behind that
        might answer the next request with what was meant for this one.
        """
        if self._waiting >= _MOST_WAITING:
            raise EngineError("too many translations are waiting")
        self._waiting += 1
        try:
            async with self._lock:
                try:
                    async with asyncio.timeout(self._seconds):
                        yield
                except BaseException:
                    await self._let_go()
                    raise
        except TimeoutError:
            raise EngineError("a translation takes too long") from None
        finally:
            self._waiting -= 1

    async def _ready(self) -> Pipeline:
        if self._pipeline is not None and not self._pipeline.running:
            await self._let_go()
        if self._pipeline is None:
            self._pipeline = await Pipeline.start(stages(self._mode))
        return self._pipeline

    async def _let_go(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            await pipeline.close()
