"""The offline engine with the real programs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from client.sound.whole import Sound, to_pcm
from demo.sentences import SENTENCES, STABLE, Sentence
from interpreter.engine import Engine, UnsupportedLanguageError
from interpreter.engines.offline.engine import OfflineEngine
from shared.models.audio_format import AudioFormat
from tests.helpers.programs import require_programs
from tests.unit.interpreter.engines.engine_contract import (
    BEGIN,
    EngineContract,
    Floor,
    finals,
    recognise,
)

RATE = 16_000
PAUSE = bytes(2 * RATE)  # a second
TRANSLATIONS = {
    "one two three four five": {
        "es": "Uno dos tres cuatro cinco",
        "ca": "un dos tres quatre cinc",
    },
    "we need more time to finish the work": {
        "es": "Necesitamos más tiempo para acabar la obra",
        "ca": "necessitem més temps per acabar la feina",
    },
    "the children are playing in the garden": {
        "es": "Los niños están tocando en el jardín",
        "ca": "els nens estan jugant en el jardí",
    },
}


def floor_of(*sentences: Sentence, rate: int = RATE, offset_ms: int = 0) -> Floor:
    """The sentences, a second apart; the first one starts after `offset_ms`."""
    sounds = (to_pcm(sentence.read(), AudioFormat()) for sentence in sentences)
    pcm = bytes(2 * RATE * offset_ms // 1000) + b"".join(sound + PAUSE for sound in sounds)
    if rate != RATE:
        pcm = resampled(pcm, rate)
    return Floor("en", rate, pcm, tuple(sentence.text for sentence in sentences), "es")


def resampled(pcm: bytes, rate: int) -> bytes:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32_768
    return to_pcm(Sound(samples.reshape(-1, 1), RATE), AudioFormat(sample_rate=rate))


@pytest.fixture(autouse=True, scope="module")
def programs() -> None:
    require_programs()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    offline = OfflineEngine()
    yield offline
    await offline.close()


class TestContract(EngineContract):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[Engine]:
        offline = OfflineEngine()
        yield offline
        await offline.close()

    @pytest.fixture
    def floor(self) -> Floor:
        return floor_of(STABLE[0], STABLE[1])


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.text)
async def test_recorded_sentences_are_recognised_word_for_word(
    engine: Engine, sentence: Sentence
) -> None:
    floor = floor_of(sentence, offset_ms=90)
    async with engine.recogniser("en", RATE) as recogniser:
        (recognised,) = finals(await recognise(recogniser, floor.chunks()))

    assert recognised.text == sentence.text
    # The end of the last word, without the silence after it.
    end = BEGIN + 90 + sentence.end_of_speech_ms()
    assert end - 150 <= recognised.end_timestamp <= end + 150


@pytest.mark.parametrize("language", ["es", "ca"])
@pytest.mark.parametrize("sentence", STABLE, ids=lambda sentence: sentence.text)
async def test_stable_sentences_have_the_expected_translations(
    engine: Engine, sentence: Sentence, language: str
) -> None:
    text = await engine.translate(sentence.text, "en", language)

    assert text == TRANSLATIONS[sentence.text][language]


@pytest.mark.parametrize("rate", [24_000, 48_000])
async def test_other_sample_rates_are_recognised(engine: Engine, rate: int) -> None:
    floor = floor_of(*STABLE, rate=rate)
    async with engine.recogniser("en-gb", rate) as recogniser:
        results = finals(await recognise(recogniser, floor.chunks()))

    assert [recognised.text for recognised in results] == list(floor.texts)


async def test_recorded_sentences_are_translated_into_every_language(
    engine: Engine,
) -> None:
    for language in ("es", "ca"):
        spoken = {await engine.translate(sentence.text, "en", language) for sentence in SENTENCES}
        assert len(spoken) == len(SENTENCES)
        assert not {text for text in spoken if not text or set(text) & set("*#@[]\\")}


async def test_only_english_is_interpreted(engine: Engine) -> None:
    assert engine.targets("en") == engine.targets("en-us") >= {"es", "ca"}
    for language in ("de", "eng", "fr-ca"):
        with pytest.raises(UnsupportedLanguageError, match="English only"):
            engine.targets(language)
