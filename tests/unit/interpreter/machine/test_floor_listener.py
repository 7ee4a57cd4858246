"""The floor listener forwards chunks at once, in any state of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from interpreter.engine import FloorChunk, Recogniser, RecognitionResult
from interpreter.engines.scripted import ScriptedEngine
from interpreter.machine.floor_listener import FloorListener, ListenerContext
from interpreter.machine.options import Limits
from interpreter.machine.report import Hooks, Report
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import Audio
from tests.helpers.virtual_time import T0, VirtualTime

FORMAT = AudioFormat()


class _Recorder(Recogniser):
    def __init__(self) -> None:
        self.heard: list[int] = []

    async def hear(self, chunk: FloorChunk) -> None:
        self.heard.append((chunk.timestamp - T0) // FORMAT.chunk_ms)

    async def results(self) -> AsyncIterator[RecognitionResult]:
        await asyncio.Event().wait()
        yield RecognitionResult("", final=True, timestamp=0, end_timestamp=0)

    async def finish(self) -> None:
        pass


class _Engine:
    """The scripted engine, with `recorder` as its recogniser."""

    def __init__(self) -> None:
        scripted = ScriptedEngine(())
        self.name, self.targets = scripted.name, scripted.targets
        self.translate, self.speak, self.close = scripted.translate, scripted.speak, scripted.close
        self.recorder = _Recorder()

    def recogniser(
        self, language: str, sample_rate: int
    ) -> AbstractAsyncContextManager[Recogniser]:
        return contextlib.nullcontext(self.recorder)


def _chunk(seq: int) -> Audio:
    return Audio(
        session_id="golden-eagle-427",
        language="en",
        seq=seq,
        timestamp=T0 + seq * FORMAT.chunk_ms,
        audio=bytes(FORMAT.chunk_bytes),
        epoch=1,
    )


@contextlib.asynccontextmanager
async def _listening(time: VirtualTime, engine: _Engine) -> AsyncIterator[FloorListener]:
    context = ListenerContext(
        engine, "en", FORMAT, Limits(), time.now_ms, time.sleep, Report(), Hooks(lambda news: None)
    )
    listener = FloorListener(context, lambda result: None, lambda fault: None, lambda: None)
    running = asyncio.create_task(listener.run())
    listener.listen(0)
    await time.settle()
    yield listener
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("turns", range(25))
async def test_chunks_reach_the_recogniser_at_once(turns: int) -> None:
    time, engine = VirtualTime(), _Engine()
    async with _listening(time, engine) as listener:
        listener.receive(_chunk(0), time.now_ms())
        for _ in range(turns):  # let the listener reach any state
            await asyncio.sleep(0)
        listener.receive(_chunk(1), time.now_ms())
        await time.settle()
        assert engine.recorder.heard == [0, 1]


async def test_longer_chunks_are_no_silence() -> None:
    time, engine = VirtualTime(), _Engine()
    async with _listening(time, engine) as listener:
        for seq in range(4):
            chunk = msgspec.structs.replace(
                _chunk(seq),
                timestamp=T0 + seq * 750,
                audio=bytes(FORMAT.with_chunk_ms(750).chunk_bytes),
                chunk_ms=750,
            )
            listener.receive(chunk, time.now_ms())
            await time.advance(0.75)
        assert engine.recorder.heard == [seq * 750 // 200 for seq in range(4)]
