"""A talking speaker: sentences of sound with pauses, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from websockets.exceptions import ConnectionClosed

from tests.helpers.wire import Wire

_SAMPLES = 3_200  # 200 ms of the default format
_LOUD = struct.pack("<2h", 8_000, -8_000) * (_SAMPLES // 2)
_QUIET = bytes(2 * _SAMPLES)
# Chunks per sentence, and per pause.
_SENTENCE, _PAUSE = 6, 6
_CHUNK_SECONDS = 0.2


@asynccontextmanager
async def talking(speaker: Wire, sound: bytes | None = None) -> AsyncIterator[None]:
    """Talk until the end of the block, repeating `sound` (s16le, 16 kHz) or a default."""
    said = [_LOUD] * _SENTENCE + [_QUIET] * _PAUSE if sound is None else list(_chunks(sound))

    async def talk() -> None:
        begins = asyncio.get_running_loop().time()
        sounds = itertools.cycle(said)
        with contextlib.suppress(ConnectionClosed):
            for seq, chunk in enumerate(sounds):
                await speaker.send_audio(seq, chunk)
                due = begins + (seq + 1) * _CHUNK_SECONDS
                await asyncio.sleep(max(due - asyncio.get_running_loop().time(), 0))

    task = asyncio.create_task(talk())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _chunks(sound: bytes) -> Iterator[bytes]:
    """Split sound into chunks; silence pads the last one."""
    for start in range(0, len(sound), len(_QUIET)):
        yield sound[start : start + len(_QUIET)].ljust(len(_QUIET), b"\0")
