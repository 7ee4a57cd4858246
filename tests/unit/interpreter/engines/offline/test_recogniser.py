"""The recogniser with a decoder that hangs, dies or sends invalid reports."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from interpreter.engine import EngineError, EngineUnavailableError, FloorChunk, RecognitionResult
from interpreter.engines.offline.recogniser import Limits, OfflineRecogniser, open_recogniser
from tests.unit.interpreter.engines.engine_contract import BEGIN, recognise

RATE = 16_000
CHUNK = FloorChunk(BEGIN, bytes(6_400))
PATIENT = Limits(start=60.0, answer=60.0)
IMPATIENT = Limits(start=60.0, answer=0.2)

READY = """
import os, sys, time
from interpreter.engines.offline.wire import *
def send(*reports):
    for report in reports:
        sys.stdout.buffer.write(line(report))
    sys.stdout.buffer.flush()
def commands():
    reader = CommandReader()
    while data := os.read(0, 65536):
        yield from reader.feed(data)
send(Ready())
"""
HANGS = READY + "time.sleep(600)"
DIES = READY + "next(commands())"
SENDS_NONSENSE = READY + "next(commands()); print('nonsense', flush=True); time.sleep(600)"
SENDS_AN_ENDLESS_LINE = READY + "next(commands()); os.write(1, b'x' * 200_000); time.sleep(600)"
SENDS_UNPROMPTED = READY + "send(Transcript('one', True, 0, 200)); time.sleep(600)"
SENDS_MANY = (
    READY
    + """
for command, _ in commands():
    if command is Command.SOUND:
        send(*(Transcript(str(number), True, number, number + 1) for number in range(1000)))
    send(Done())
    if command is Command.FINISH:
        break
"""
)


def decoder(script: str) -> list[str]:
    return [sys.executable, "-c", script]


async def read(recogniser: OfflineRecogniser) -> list[RecognitionResult]:
    return [recognised async for recognised in recogniser.results()]


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "print('nonsense')", "print('{}')"])
async def test_a_decoder_that_ends_at_its_start_is_an_error(script: str) -> None:
    with pytest.raises(EngineError, match="ended while it started"):
        async with open_recogniser(RATE, command=decoder(script)):
            pass


async def test_a_decoder_that_never_becomes_ready_is_an_error() -> None:
    with pytest.raises(EngineError, match="did not become ready"):
        async with open_recogniser(
            RATE, command=decoder("import time; time.sleep(600)"), limits=Limits(start=0.2)
        ):
            pass


async def test_a_missing_program_makes_the_engine_unavailable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="cannot be started"):
        async with open_recogniser(RATE, command=[str(tmp_path / "none")]):
            pass


@pytest.mark.parametrize("rate", [-1, 0, 1, 10**9])
async def test_an_unsupported_sample_rate_is_an_error(rate: int) -> None:
    with pytest.raises(EngineError, match="not supported") as refused:
        async with open_recogniser(rate):
            pass
    assert not refused.value.retryable


@pytest.mark.parametrize(
    ("script", "limits", "message"),
    [
        (HANGS, IMPATIENT, "does not answer"),
        (DIES, PATIENT, "ended unexpectedly"),
        (SENDS_NONSENSE, PATIENT, "ended unexpectedly"),
        (SENDS_AN_ENDLESS_LINE, PATIENT, "ended unexpectedly"),
    ],
)
async def test_a_decoder_fault_is_raised_to_the_reader(
    script: str, limits: Limits, message: str
) -> None:
    async with open_recogniser(RATE, command=decoder(script), limits=limits) as recogniser:
        await recogniser.hear(CHUNK)
        with pytest.raises(EngineError, match=message) as fault:
            await read(recogniser)

        assert fault.value.retryable
        with pytest.raises(EngineError, match=message):
            await recogniser.hear(CHUNK)
        with pytest.raises(EngineError, match=message):
            await recogniser.finish()


async def test_a_transcript_without_audio_is_a_fault() -> None:
    async with open_recogniser(RATE, command=decoder(SENDS_UNPROMPTED)) as recogniser:
        with pytest.raises(EngineError, match="ended unexpectedly"):
            await read(recogniser)


async def test_hear_does_not_block_on_a_hanging_decoder() -> None:
    async def speak(recogniser: OfflineRecogniser) -> None:
        while True:
            await recogniser.hear(CHUNK)

    async with open_recogniser(RATE, command=decoder(HANGS), limits=IMPATIENT) as recogniser:
        with pytest.raises(EngineError, match="does not answer"):
            await speak(recogniser)


async def test_a_decoder_that_hangs_at_its_end_is_an_error() -> None:
    async with open_recogniser(RATE, command=decoder(HANGS), limits=IMPATIENT) as recogniser:
        await recogniser.finish()
        with pytest.raises(EngineError, match="does not answer"):
            await read(recogniser)


async def test_unread_results_are_not_lost() -> None:
    async with open_recogniser(RATE, command=decoder(SENDS_MANY)) as recogniser:
        results = await recognise(recogniser, [CHUNK, CHUNK])

    assert [recognised.text for recognised in results] == [str(n) for n in range(1000)] * 2


async def test_hear_after_finish_is_an_error() -> None:
    async with open_recogniser(RATE, command=decoder(SENDS_MANY)) as recogniser:
        assert await recognise(recogniser, []) == []
        await recogniser.finish()
        with pytest.raises(EngineError, match="has finished"):
            await recogniser.hear(CHUNK)


@pytest.mark.parametrize("script", [HANGS, SENDS_MANY, SENDS_AN_ENDLESS_LINE])
async def test_the_decoder_ends_with_the_block(tmp_path: Path, script: str) -> None:
    line = tmp_path / "open while it lives"
    os.mkfifo(line)
    holding = f"keep = open({str(line)!r}, 'w')\n{script}"
    reading = asyncio.create_task(asyncio.to_thread(line.read_text))
    async with open_recogniser(RATE, command=decoder(holding)) as recogniser:
        await recogniser.hear(CHUNK)

    assert await reading == ""


async def test_the_decoder_ends_with_its_parent_process(tmp_path: Path) -> None:
    line = tmp_path / "open while it lives"
    os.mkfifo(line)
    holding = (
        f"keep = open({str(line)!r}, 'w');"
        " from interpreter.engines.offline import decoder; decoder.main()"
    )
    starting = f"""
import asyncio, sys
from interpreter.engines.offline.recogniser import open_recogniser
async def main():
    async with open_recogniser(16000, command=[sys.executable, "-c", {holding!r}]):
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    reading = asyncio.create_task(asyncio.to_thread(line.read_text))
    project = Path(__file__).parents[5]
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", starting, stdout=asyncio.subprocess.PIPE, cwd=project
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    parent.send_signal(signal.SIGKILL)

    assert await reading == ""
    await parent.wait()
