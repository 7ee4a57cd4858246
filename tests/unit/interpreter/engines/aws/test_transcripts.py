from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engines.aws.event_stream import FrameError
from interpreter.engines.aws.transcripts import (
    Alternative,
    Item,
    Result,
    SentenceSplitter,
    TimedText,
    results_of,
)

# Example from https://docs.aws.amazon.com/transcribe/latest/dg/streaming-partial-results.html.
DOCUMENTED = """{"Transcript": {"Results": [{
  "Alternatives": [{
    "Items": [
      {"Content": "Welcome", "EndTime": 2.4225, "Stable": true, "StartTime": 1.65,
       "Type": "pronunciation", "VocabularyFilterMatch": false},
      {"Content": "to", "EndTime": 2.8325, "Stable": false, "StartTime": 2.4225,
       "Type": "pronunciation", "VocabularyFilterMatch": false},
      {"Content": "Amazon", "EndTime": 3.635, "Stable": false, "StartTime": 2.8325,
       "Type": "pronunciation", "VocabularyFilterMatch": false},
      {"Content": ".", "EndTime": 3.635, "Stable": false, "StartTime": 3.635,
       "Type": "punctuation", "VocabularyFilterMatch": false}],
    "Transcript": "Welcome to Amazon."}],
  "EndTime": 4.165, "IsPartial": true, "ResultId": "12345a67", "StartTime": 1.65}]}}"""


def items_of(text: str, stable: str = "") -> list[Item]:
    """Items of one second per word. As many words are stable as `stable` has."""
    items: list[Item] = []
    count = 0
    for token in text.replace(".", " .").replace(",", " ,").split():
        is_word = token not in {".", ","}
        count += is_word
        start = count - 1.0 if is_word else float(count)
        kind = "pronunciation" if is_word else "punctuation"
        items.append(Item(token, start, float(count), kind, count <= len(stable.split())))
    return items


def result(text: str, stable: str = "", *, partial: bool = True, end: float = 0) -> Result:
    items = items_of(text, stable)
    last = max([end, *(item.end_time for item in items)])
    return Result([Alternative(items, text)], 0.0, last, partial)


def split(*results: Result) -> list[tuple[str, bool]]:
    sentences = SentenceSplitter()
    return [(p.text, p.final) for result in results for p in sentences.take(result) if p.text]


def test_the_documented_event_is_decoded() -> None:
    (found,) = results_of(DOCUMENTED.encode())
    (part,) = SentenceSplitter().take(found)

    assert part == TimedText(
        "Welcome to Amazon.", False, 1.65, 3.635, (1.65 + 2.4225) / 2, (2.8325 + 3.635) / 2, 3.635
    )


@pytest.mark.parametrize(
    "payload", ["{}", '{"Transcript": {}}', '{"Transcript": {"Results": []}}', '{"New": [1]}']
)
def test_an_event_may_have_no_results(payload: str) -> None:
    assert results_of(payload.encode()) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("Transcript Results Alternatives Items Content EndTime".split()), inner
        )
    ),
    max_leaves=12,
)


@given(json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40))
def test_invalid_events_raise_frame_error(payload: bytes) -> None:
    try:
        results = results_of(payload)
    except FrameError:
        return
    for found in results:
        list(SentenceSplitter().take(found))


def test_a_stable_sentence_is_final_before_its_segment() -> None:
    assert split(
        result("It is"),
        result("It is late. We go", "It is late"),
        result("It is late. We go home.", "It is late. We go"),
        result("It is late. We go home.", partial=False),
    ) == [
        ("It is", False),
        ("It is late.", True),
        ("We go", False),
        ("We go home.", False),
        ("We go home.", True),
    ]


def test_unstable_sentences_are_not_final() -> None:
    assert split(result("It is late. We", "It is")) == [("It is late. We", False)]


def test_a_comma_does_not_end_a_sentence() -> None:
    assert split(result("Well, it is", "Well, it")) == [("Well, it is", False)]


def test_words_with_shifted_times_are_not_repeated() -> None:
    sentences = SentenceSplitter()
    list(sentences.take(result("It is late. We", "It is late. We")))
    moved = [
        Item(item.content, item.start_time + 0.3, item.end_time + 0.3, item.type, True)
        for item in items_of("It is late. We go.")
    ]
    last = Result([Alternative(moved, "It is late. We go.")], 0.3, 5.3, False)

    assert [p.text for p in sentences.take(last) if p.text] == ["We go."]


def test_a_following_question_keeps_its_opening_mark() -> None:
    items = [
        Item("Bien", 0, 1, "pronunciation", True),
        Item(".", 1, 1, "punctuation", True),
        Item("\u00bf", 1, 1, "punctuation", True),
        Item("Y", 1, 2, "pronunciation", True),
    ]
    first = Result([Alternative(items, "Bien. \u00bfY")], 0, 2, True)
    last = Result([Alternative(items, "Bien. \u00bfY")], 0, 2, False)

    assert split(first, last) == [("Bien.", True), ("\u00bfY", False), ("\u00bfY", True)]


def test_scripts_without_spaces_get_no_spaces() -> None:
    words = ["\u5bd2\u3044", "\u3067\u3059"]
    stop = "\u3002"
    items = [
        Item(words[0], 0, 1, "pronunciation", True),
        Item(words[1], 1, 2, "pronunciation", True),
        Item(stop, 2, 2, "punctuation", True),
    ]
    text = "".join(words) + stop

    assert split(Result([Alternative(items, text)], 0, 2, True)) == [(text, True)]


def test_items_missing_from_the_transcript_are_joined() -> None:
    items = items_of("It is late.")

    assert split(Result([Alternative(items, "ITS LATE")], 0, 3, False))[0] == ("It is late.", True)


@pytest.mark.parametrize("items", [None, []])
def test_a_result_without_items_uses_its_transcript(items: list[Item] | None) -> None:
    found = Result([Alternative(items, "It is late. We go.")], 1.0, 4.0, False)
    (part,) = SentenceSplitter().take(found)

    assert (part.text, part.start, part.end) == ("It is late. We go.", 1.0, 4.0)


@pytest.mark.parametrize("alternatives", [None, [], [Alternative()], [Alternative([], " ")]])
def test_an_empty_final_result_settles_its_audio(alternatives: Any) -> None:
    (part,) = SentenceSplitter().take(Result(alternatives, 1.0, 4.0, False))

    assert (part.text, part.final, part.settled) == ("", True, 4.0)


words = st.lists(st.sampled_from("one two three four".split()), min_size=1, max_size=6)
spoken_sentences = st.lists(words.map(lambda found: " ".join(found) + "."), min_size=1, max_size=5)


@given(spoken_sentences, st.data())
def test_a_growing_segment_gives_each_sentence_once(said: list[str], data: st.DataObject) -> None:
    """The segment grows word by word, and more and more of it is stable."""
    text = " ".join(said)
    all_words = text.split()
    sentences = SentenceSplitter()
    stable = 0
    parts: list[TimedText] = []
    for heard in range(1, len(all_words) + 1):
        if not data.draw(st.booleans()):
            continue
        stable = data.draw(st.integers(stable, heard))
        partial = result(" ".join(all_words[:heard]), " ".join(all_words[:stable]))
        parts += sentences.take(partial)
    parts += sentences.take(result(text, partial=False, end=len(all_words) + 0.5))

    finals = [part for part in parts if part.final]
    assert " ".join(part.text for part in finals if part.text) == text
    assert finals[-1].settled == len(all_words) + 0.5
    for before, after in itertools.pairwise(p for p in finals if p.text):
        assert before.end <= after.start
        assert before.settled <= after.settled
