"""Detection of utterances, with the real decoder."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from client.sound.whole import read_sound, to_pcm
from demo.sentences import STABLE
from interpreter.engine import FloorChunk
from interpreter.engines.offline.recogniser import open_recogniser
from shared.models.audio_format import AudioFormat
from tests.unit.interpreter.engines.engine_contract import BEGIN, Floor, finals, recognise

RATE = 16_000
READ_ALOUD = Path("demo/samples/leisure-to-consider.wav")
SENTENCE = STABLE[0]


def floor_of(pcm: bytes) -> Floor:
    return Floor("en", RATE, pcm, (), "es")


def sentence_pcm() -> bytes:
    return to_pcm(SENTENCE.read(), AudioFormat())


async def test_speech_without_pauses_is_cut_at_the_limit() -> None:
    samples = np.frombuffer(to_pcm(read_sound(READ_ALOUD), AudioFormat()), dtype="<i2")
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    loud = frames[np.abs(frames).max(axis=1) > 500]
    breathless = np.tile(loud, (4, 1)).tobytes()
    floor = floor_of(breathless)

    async with open_recogniser(RATE) as recogniser:
        results = finals(await recognise(recogniser, floor.chunks()))

    seconds = len(breathless) / 2 / RATE
    assert seconds > 20
    assert len(results) >= seconds / 10
    assert max(result.end_timestamp - result.timestamp for result in results) <= 10_000
    for before, after in itertools.pairwise(results):
        assert before.end_timestamp <= after.timestamp


async def test_an_utterance_ends_when_no_audio_follows() -> None:
    spoken = sentence_pcm()[: SENTENCE.end_of_speech_ms() * 32]
    async with open_recogniser(RATE) as recogniser:
        await recogniser.hear(FloorChunk(BEGIN, spoken))
        results = recogniser.results()
        # Neither silence nor `finish` follows, as when the speaker mutes the microphone.
        while not (recognised := await anext(results)).final:
            pass

    assert recognised.text == SENTENCE.text


async def test_a_lost_chunk_in_a_sentence_keeps_the_times_right() -> None:
    chunks = floor_of(sentence_pcm() + bytes(2 * RATE)).chunks()
    late = [FloorChunk(chunk.timestamp + 200, chunk.pcm) for chunk in chunks[3:]]

    async with open_recogniser(RATE) as recogniser:
        whole = finals(await recognise(recogniser, chunks))
    async with open_recogniser(RATE) as recogniser:
        gapped = finals(await recognise(recogniser, [*chunks[:3], *late]))

    assert [recognised.text for recognised in gapped] == [recognised.text for recognised in whole]
    assert gapped[0].timestamp == whole[0].timestamp
    assert gapped[0].end_timestamp == whole[0].end_timestamp + 200


async def test_a_long_pause_in_the_timestamps_ends_the_utterance() -> None:
    spoken = floor_of(sentence_pcm()[: SENTENCE.end_of_speech_ms() * 32])
    chunks = [*spoken.chunks(), *spoken.chunks(spoken.end() + 10_000)]

    async with open_recogniser(RATE) as recogniser:
        results = finals(await recognise(recogniser, chunks))

    assert [recognised.text for recognised in results] == [SENTENCE.text] * 2
    assert results[0].end_timestamp <= spoken.end()
    assert results[1].timestamp >= spoken.end() + 10_000


@pytest.mark.parametrize("amplitude", [0, 3, 200])
async def test_silence_and_hiss_give_no_results(amplitude: int) -> None:
    hiss = np.random.default_rng(7).normal(0, amplitude, 5 * RATE).astype("<i2").tobytes()
    async with open_recogniser(RATE) as recogniser:
        assert finals(await recognise(recogniser, floor_of(hiss).chunks())) == []


async def test_chunks_may_have_any_length() -> None:
    pcm = sentence_pcm() + bytes(RATE)
    sizes = [0, 1, 2, 3, 101, 999, 64_000]
    chunks: list[FloorChunk] = []
    position = 0
    while position < len(pcm):
        size = sizes[len(chunks) % len(sizes)] // 2 * 2
        timestamp = BEGIN + position // 32
        chunks.append(FloorChunk(timestamp, pcm[position : position + size]))
        position += size

    async with open_recogniser(RATE) as recogniser:
        (recognised,) = finals(await recognise(recogniser, chunks))

    assert recognised.text == SENTENCE.text


async def test_half_a_sample_at_the_end_of_a_chunk_is_ignored() -> None:
    floor = floor_of(sentence_pcm() + bytes(RATE))
    async with open_recogniser(RATE) as recogniser:
        whole = await recognise(recogniser, floor.chunks())
    chunks = [FloorChunk(chunk.timestamp, chunk.pcm + b"\x7f") for chunk in floor.chunks()]
    async with open_recogniser(RATE) as recogniser:
        assert await recognise(recogniser, chunks) == whole


async def test_partial_results_are_throttled() -> None:
    async with open_recogniser(RATE) as recogniser:
        results = await recognise(recogniser, floor_of(sentence_pcm() + bytes(RATE)).chunks())

    early = [recognised for recognised in results if not recognised.final]
    assert 1 <= len(early) <= 4 * SENTENCE.end_of_speech_ms() / 1000
    assert all(recognised.timestamp <= results[-1].timestamp for recognised in early)
