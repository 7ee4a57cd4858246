from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engines.aws.texts import speakable, split_text, ssml

texts = st.text(st.sampled_from('ab .!?\n\u3002\u00fc\U0001f600"&'), max_size=120)
sizes = st.sampled_from([len, lambda text: len(text.encode())])


@given(st.text() | texts, st.sampled_from(["len", "bytes"]), st.integers(4, 60))
def test_pieces_are_short_enough_and_complete(text: str, unit: str, limit: int) -> None:
    def size(part: str) -> int:
        return len(part) if unit == "len" else len(part.encode(errors="replace"))

    found = split_text(text, size, limit)

    assert all(0 < size(piece) <= limit for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.lists(st.sampled_from(["Yes.", "It is late!", "Who?", "\u5bd2\u3044\u3002"]), max_size=9))
def test_sentences_stay_whole(sentences: list[str]) -> None:
    for piece in split_text(" ".join(sentences), len, 12):
        assert piece[-1] in ".!?\u3002"


def test_only_words_that_are_too_long_are_cut() -> None:
    assert split_text("one two three", len, 8) == ["one two", "three"]
    assert split_text("abcdefghij klm", len, 8) == ["abcdefgh", "ij klm"]


def test_many_punctuation_marks_are_split_quickly() -> None:
    assert len(split_text("." * 200_000, len, 10_000)) == 20


@given(st.text(), st.floats(0.1, 3))
def test_ssml_contains_the_text(text: str, speed: float) -> None:
    root = ElementTree.fromstring(ssml(speakable(text), speed))
    (prosody,) = root

    assert root.tag == "speak"
    # XML normalises line ends.
    assert "".join(root.itertext()).split() == speakable(text).split()
    assert 20 <= int(prosody.attrib["rate"].removesuffix("%")) <= 200


@pytest.mark.parametrize(("speed", "rate"), [(1.0, "100%"), (1.25, "125%"), (9.0, "200%")])
def test_speed_becomes_the_ssml_rate(speed: float, rate: str) -> None:
    assert ssml("a < b", speed) == (f'<speak><prosody rate="{rate}">a &lt; b</prosody></speak>')


def test_unspeakable_characters_become_spaces() -> None:
    assert speakable("\0One\x0b two\ud800 \ufffe\n") == "One  two"
