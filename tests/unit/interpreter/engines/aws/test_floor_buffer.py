from __future__ import annotations

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from interpreter.engine import EngineError, FloorChunk, RecognitionResult
from interpreter.engines.aws.floor_buffer import FloorBuffer
from interpreter.engines.aws.result_queue import ResultQueue

RATE = 1_000  # 2 B per ms
MAX_MS = 40


class FloorBufferModel(RuleBasedStateMachine):
    """Compares the buffer with lists of numbered samples, one per ms."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = FloorBuffer(RATE, MAX_MS)
        self.next = 0
        self.unsettled: list[int] = []  # sent on this stream, the oldest first
        self.waiting: list[int] = []
        self.position = 0.0
        self.settled: int | None = None

    @staticmethod
    def numbers(chunk: FloorChunk) -> list[int]:
        pairs = zip(chunk.pcm[::2], chunk.pcm[1::2], strict=True)
        return [low + 256 * high for low, high in pairs]

    @rule(size=st.integers(1, 15))
    def add(self, size: int) -> None:
        found = range(self.next, self.next + size)
        self.next += size
        pcm = b"".join(number.to_bytes(2, "little") for number in found)
        self.buffer.add(FloorChunk(found[0], pcm))
        self.waiting += found

    @precondition(lambda self: self.buffer.waiting)
    @rule()
    def send(self) -> None:
        chunk = self.buffer.take()
        assert chunk is not None
        numbers = self.numbers(chunk)
        # In order and without duplicates. Missing samples were too old.
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert chunk.timestamp == numbers[0]
        self.waiting = [number for number in self.waiting if number > numbers[-1]]
        self.position += len(numbers)
        self.buffer.sent(chunk, self.position)
        self.unsettled += numbers

    @precondition(lambda self: self.unsettled)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(0, len(self.unsettled)))
        self.buffer.settle(self.position - len(self.unsettled) + count)
        if count:
            self.settled = self.unsettled[count - 1]
        self.unsettled = self.unsettled[count:]

    @rule()
    def lose(self) -> None:
        self.buffer.rewind()
        chunk = self.buffer.take()
        if chunk is not None and self.settled is not None:
            assert self.numbers(chunk)[0] > self.settled
        self.waiting = self.unsettled + self.waiting
        self.unsettled = []
        self.position = 0.0

    @rule()
    def finish(self) -> None:
        """The buffer holds the newest samples without gaps."""
        self.lose()
        kept: list[int] = []
        while (chunk := self.buffer.take()) is not None:
            kept += self.numbers(chunk)
            self.position += len(chunk.pcm) / 2
            self.buffer.sent(chunk, self.position)
        assert kept == self.waiting[len(self.waiting) - len(kept) :]
        assert len(kept) >= min(len(self.waiting), MAX_MS - 15)
        assert len(kept) <= MAX_MS
        self.buffer.settle_all()
        self.waiting, self.unsettled, self.position = [], [], 0.0
        self.settled = self.next - 1

    @invariant()
    def dropped_audio_is_counted(self) -> None:
        assert 0 <= self.buffer.dropped_ms <= self.next


TestFloorBufferModel = FloorBufferModel.TestCase


def test_a_chunk_longer_than_the_buffer_is_kept() -> None:
    buffer = FloorBuffer(RATE, 10)
    buffer.add(FloorChunk(0, bytes(100)))

    assert buffer.take() == FloorChunk(0, bytes(100))


def heard(text: str, *, final: bool) -> RecognitionResult:
    return RecognitionResult(text, final, 0, 1)


async def test_partial_results_are_replaced_and_final_ones_kept() -> None:
    queue = ResultQueue()
    for text, final in [("a", False), ("b", True), ("c", True), ("d", False), ("e", False)]:
        queue.put(heard(text, final=final))
    queue.close()

    assert [(r.text, r.final) async for r in queue.read()] == [
        ("b", True),
        ("c", True),
        ("e", False),
    ]


async def test_results_are_read_before_the_fault() -> None:
    queue = ResultQueue()
    queue.put(heard("a", final=True))
    queue.close(EngineError("broken"))
    queue.close()
    read = queue.read()

    assert (await anext(read)).text == "a"
    with pytest.raises(EngineError, match="broken"):
        await anext(read)


async def test_a_reader_waits_for_results() -> None:
    queue = ResultQueue()
    waiting = asyncio.ensure_future(anext(queue.read()))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(heard("a", final=True))

    assert (await waiting).text == "a"


def test_an_unread_queue_raises_an_error() -> None:
    queue = ResultQueue()

    def put_many() -> None:
        for _ in range(10_000):
            queue.put(heard("a", final=True))

    with pytest.raises(EngineError, match="not being read"):
        put_many()
