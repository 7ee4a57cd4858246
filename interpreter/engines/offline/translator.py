"""Translation from English by apertium, with one running pipeline per language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from interpreter.engine import EngineError, UnsupportedLanguageError
from interpreter.engines.offline.apertium_modes import pipeline_commands
from interpreter.engines.offline.apertium_stream import escape, unescape
from interpreter.engines.offline.pipeline import Pipeline

# A sentence takes 3 ms. Starting takes 100 ms, or seconds on a busy machine.
REQUEST_SECONDS = 5.0
MAX_CHARACTERS = 5_000
# Further requests fail at once instead of finishing too late.
_MAX_WAITING = 16


class Translator:
    """Translates into the languages of `modes`: `.mode` files by language code."""

    def __init__(
        self, modes: Mapping[str, Path], *, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._pairs = {language: _Pair(mode, request_seconds) for language, mode in modes.items()}

    async def warm(self) -> None:
        """Start every pipeline, so that no sentence waits for it.

        A pipeline that fails to start raises its error on translation. The others still work.
        """
        starting = (pair.warm() for pair in self._pairs.values())
        faults = await asyncio.gather(*starting, return_exceptions=True)
        for fault in faults:
            if fault is not None and not isinstance(fault, EngineError):
                raise fault

    async def translate(self, text: str, target: str) -> str:
        """Translate any text into one line; a text without words becomes empty.

        Raises UnsupportedLanguageError, or EngineError for a text that is too long or a failing
        program.
        """
        if target not in self._pairs:
            raise UnsupportedLanguageError(
                f"no apertium pair from English to {target} is installed"
            )
        if len(text) > MAX_CHARACTERS:
            raise EngineError(
                f"a text of {len(text)} characters is too long; the maximum is {MAX_CHARACTERS}",
                retryable=False,
            )
        request = escape(text).encode(errors="replace")
        response = await self._pairs[target].request(request)
        return unescape(response.decode(errors="replace"))

    async def close(self) -> None:
        """End all programs. They start again on the next translation. May be repeated."""
        await asyncio.gather(*(pair.close() for pair in self._pairs.values()))


class _Pair:
    def __init__(self, mode: Path, request_seconds: float) -> None:
        self._mode = mode
        self._seconds = request_seconds
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._pipeline: Pipeline | None = None

    async def warm(self) -> None:
        async with self._exclusive():
            await self._running_pipeline()

    async def request(self, request: bytes) -> bytes:
        async with self._exclusive():
            return await (await self._running_pipeline()).request(request)

    async def close(self) -> None:
        async with self._lock:
            await self._close_pipeline()

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """Run one request at a time, with a time limit.

        Any failure closes the pipeline, so that a late response cannot answer the next request.
        """
        if self._waiting >= _MAX_WAITING:
            raise EngineError("too many translations are pending")
        self._waiting += 1
        try:
            async with self._lock:
                try:
                    async with asyncio.timeout(self._seconds):
                        yield
                except BaseException:
                    await self._close_pipeline()
                    raise
        except TimeoutError:
            raise EngineError("a translation took too long") from None
        finally:
            self._waiting -= 1

    async def _running_pipeline(self) -> Pipeline:
        if self._pipeline is not None and not self._pipeline.running:
            await self._close_pipeline()
        if self._pipeline is None:
            self._pipeline = await Pipeline.start(pipeline_commands(self._mode))
        return self._pipeline

    async def _close_pipeline(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            await pipeline.close()
