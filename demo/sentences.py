"""Ten recorded English sentences with known words, in demo/samples/sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from client.sound.whole import Sound, read_sound

FOLDER = Path(__file__).parent / "samples" / "sentences"
_FRAME_SECONDS = 0.01
# Share of the loudest frame's level down to which a fading voice is audible.
_AUDIBLE = 0.02


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence in the recogniser's spelling: lower case, no punctuation."""

    text: str

    @property
    def path(self) -> Path:
        """Path of the recording."""
        return FOLDER / f"{self.text.replace(' ', '-')}.wav"

    def read(self) -> Sound:
        """Read the recording. Raises SoundError if it is missing."""
        return read_sound(self.path)

    def end_of_speech_ms(self) -> int:
        """End of the last word, in ms from the start of the recording."""
        return end_of_speech_ms(self.read())


STABLE = (
    Sentence("one two three four five"),
    Sentence("we need more time to finish the work"),
    Sentence("the children are playing in the garden"),
)
SENTENCES = (
    *STABLE,
    Sentence("we are talking about the future of the country"),
    Sentence("the government wants to reduce the cost of energy"),
    Sentence("we have two hundred people in the room"),
    Sentence("the meeting will start at nine in the morning"),
    Sentence("the government will build a new school"),
    Sentence("the world is changing very quickly"),
    Sentence("we want to hear your questions"),
)


def end_of_speech_ms(sound: Sound) -> int:
    """End in ms of the last 10 ms frame louder than 1/50 of the loudest frame; 0 for silence."""
    mono = sound.samples.mean(axis=1)
    frame = round(sound.sample_rate * _FRAME_SECONDS)
    frames = mono[: len(mono) // frame * frame].reshape(-1, frame)
    loudness = np.sqrt(np.mean(frames * frames, axis=1))
    audible = np.flatnonzero(loudness > _AUDIBLE * loudness.max(initial=0.0))
    return 0 if audible.size == 0 else round((int(audible[-1]) + 1) * _FRAME_SECONDS * 1000)
