"""The recorded sentences, and the detection of where speech ends."""

from __future__ import annotations

import numpy as np
import pytest

from client.sound.whole import Sound
from demo.sentences import FOLDER, SENTENCES, Sentence, end_of_speech_ms


def test_the_folder_holds_exactly_the_ten_sentences() -> None:
    assert len({sentence.text for sentence in SENTENCES}) == 10
    assert {sentence.path for sentence in SENTENCES} == set(FOLDER.glob("*.wav"))


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.text)
def test_speech_ends_shortly_before_the_recording(sentence: Sentence) -> None:
    sound = sentence.read()

    assert (sound.sample_rate, sound.samples.shape[1]) == (16_000, 1)
    assert 0 < sound.seconds * 1000 - sentence.end_of_speech_ms() < 400


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_speech_ends_with_the_last_audible_frame(rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, rate)
    noise[round(0.7 * rate) :] *= 0.001

    assert end_of_speech_ms(Sound(noise.reshape(-1, 1), rate)) == 700


def test_silence_ends_at_zero() -> None:
    assert end_of_speech_ms(Sound(np.zeros((16_000, 1)), 16_000)) == 0
    assert end_of_speech_ms(Sound(np.zeros((3, 1)), 16_000)) == 0
