"""Translation and speech of arbitrary texts, with the real programs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engines.offline.engine import OfflineEngine
from interpreter.engines.offline.translator import MAX_CHARACTERS
from tests.helpers.programs import require_programs

# Ordinary text, the programs' own syntax, and unusual characters.
PIECES = st.sampled_from(
    [
        *"\0\n\r\t^$/<>{}@\\[]~*#&+_|'\"",
        *("[[", "]]", "\\[", "^a/b<n>$", "[<b>]", "\ue05e", "\ud800", "\u202e", "\ufeff"),
        *("one", "house", "don't", "New York", "123", "1.5%", "é", "中文", "عربي", "😀"),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=20).map(" ".join),
    st.lists(PIECES, max_size=20).map("".join),
)


@dataclass(frozen=True)
class Interpreter:
    """Synchronous calls of an engine, for property tests."""

    runner: asyncio.Runner
    engine: OfflineEngine

    def translate(self, text: str, language: str) -> str:
        return self.runner.run(self.engine.translate(text, "en", language))

    def speak(self, text: str, language: str, speed: float = 1.0) -> bytes:
        return self.runner.run(self.engine.speak(text, language, 16_000, speed))


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    require_programs()
    with asyncio.Runner() as runner:
        engine = OfflineEngine()
        yield Interpreter(runner, engine)
        runner.run(engine.close())


@given(TEXTS, st.sampled_from(["es", "ca"]))
def test_any_text_leaves_the_translator_working(
    interpreter: Interpreter, text: str, language: str
) -> None:
    translated = interpreter.translate(text, language)

    assert translated.isprintable()
    assert translated == " ".join(translated.split())
    after = interpreter.translate("one two three four five", language)
    assert after.lower() in {"uno dos tres cuatro cinco", "un dos tres quatre cinc"}


@pytest.mark.parametrize("language", ["es", "ca"])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("price: 3 $ / 4 ^ 5", "3 $ / 4 ^ 5"),
        ("see [1] and {2} <3> @4 \\5", "[1]"),
        ("a * b # c ~ d", "*"),
        ("the xyzzyfoo", "xyzzyfoo"),
    ],
)
def test_signs_and_unknown_words_are_kept(
    interpreter: Interpreter, text: str, kept: str, language: str
) -> None:
    assert kept in interpreter.translate(text, language)
    assert "*xyzzyfoo" not in interpreter.translate(text, language)


@pytest.mark.parametrize("language", ["es", "ca"])
@pytest.mark.parametrize("text", ["", " ", "\n", "\0", "\u200b\t"])
def test_empty_texts_are_translated_to_empty_texts(
    interpreter: Interpreter, text: str, language: str
) -> None:
    assert interpreter.translate(text, language) == ""


@pytest.mark.parametrize("language", ["es", "ca"])
def test_a_text_of_maximum_length_is_translated(interpreter: Interpreter, language: str) -> None:
    sentence = "the children are playing in the garden. "
    times = MAX_CHARACTERS // len(sentence)

    translated = interpreter.translate(sentence * times, language)

    once = interpreter.translate(sentence, language)
    assert translated.lower() == " ".join([once.lower()] * times)


@given(TEXTS, st.sampled_from(["es", "ca"]), st.floats(0.1, 10))
def test_any_text_can_be_spoken(
    interpreter: Interpreter, text: str, language: str, speed: float
) -> None:
    pcm = interpreter.speak(text, language, speed)

    assert len(pcm) % 2 == 0


def test_the_same_text_gives_the_same_samples(interpreter: Interpreter) -> None:
    assert interpreter.speak("uno dos tres", "es") == interpreter.speak("uno dos tres", "es")
    assert interpreter.speak("uno dos tres", "es") != interpreter.speak("uno dos tres", "ca")


@pytest.mark.parametrize("text", ["", " ", "...", "\0", "¿?", "[]"])
def test_texts_without_words_give_no_audio(interpreter: Interpreter, text: str) -> None:
    assert interpreter.speak(text, "es") == b""


def test_texts_are_not_interpreted_as_options_or_markup(interpreter: Interpreter) -> None:
    """Texts are not options, phonemes or markup, and line breaks are not pauses."""
    options = interpreter.speak("--version", "es")
    assert options == interpreter.speak("  --version\n", "es")
    assert any(options)
    assert interpreter.speak("hola [[h@l'oU]]", "es") == interpreter.speak("hola h@l'oU]]", "es")
    assert interpreter.speak("uno\ndos\0tres", "es") == interpreter.speak("uno dos tres", "es")
