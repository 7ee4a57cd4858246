"""Outline of a JSON text: right for any JSON, harmless for anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.utils.json_outline import is_valid_unicode, outline

DEEP = 20_000

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), values, max_size=5), st.booleans(), st.integers(0, 2))
def test_members_match_the_standard_library(
    content: dict[str, Any], ascii_only: bool, indent: int
) -> None:
    text = json.dumps(content, ensure_ascii=ascii_only, indent=indent)
    read = outline(text)
    strict = not any(word in text for word in ("NaN", "Infinity"))
    assert read.is_json or not strict
    if read.is_json:
        strings = {name: value for name, value in content.items() if isinstance(value, str)}
        assert read.is_object
        assert set(read.members) == set(content)
        assert {name: text for name, text in read.members.items() if text is not None} == strings
        assert read.surrogate_member is None


def _accepted(text: str) -> bool:
    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


@given(st.text(alphabet='{}[],:"\\u0aeE.-+1tf \n\x00', max_size=12) | st.text(max_size=12))
def test_json_is_recognised_as_by_the_standard_library(text: str) -> None:
    assert outline(text).is_json is _accepted(text)


NO_JSON = (
    *(
        "",
        " ",
        "nul",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "NaN",
        "[1,]",
        "[,]",
        "[1}",
        "]",
        "1 2",
        "{}{}",
    ),
    *('{"a":1,}', '{"a"}', '{"a":}', "{1:2}", '{"a" "b"}', '"\x01"', '"\\x"', '"\\u12"'),
    *("\ufeff{}", "\u00a0{}", "{\x0c}", "[" * 200_000),
)


@pytest.mark.parametrize("text", NO_JSON, ids=[ascii(text[:9]) for text in NO_JSON])
def test_text_that_is_not_json(text: str) -> None:
    assert not outline(text).is_json


@pytest.mark.parametrize("text", ["[]", "5", '"x"', "null", " [{}] ", "1e999", "1" * 5_000])
def test_json_that_is_not_an_object(text: str) -> None:
    read = outline(text)
    assert (read.is_json, read.is_object, read.members) == (True, False, {})


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"a": "\\ud800"}', "a"),
        ('{"a": "\\udc00\\ud800"}', "a"),
        ('{"a": {"b": ["\\uDFFF"]}}', "a"),
        ('{"a": {"\\ud800": 1}}', "a"),
        ('{"a": "\ud800"}', "a"),
        ('{"a": "\\ud83d\\ude00", "b": "\\ude00"}', "b"),
        ('{"a": "\\ud83d\\ude00"}', None),
        ('{"a": "\\\\ud800"}', None),
    ],
)
def test_a_lone_surrogate_is_found(text: str, field: str | None) -> None:
    read = outline(text)
    assert read.is_json
    assert read.surrogate_member == field


def test_a_lone_surrogate_in_a_name_is_found() -> None:
    halved = outline('{"\\ud800": 1, "b": "x"}').surrogate_member
    assert halved is not None
    assert not is_valid_unicode(halved)


def test_any_depth_is_accepted() -> None:
    text = '{"a": {}, "x": ' + '[{"y":' * DEEP + "0" + "}]" * DEEP + ', "requestId": "r"}'
    read = outline(text)
    assert read.is_json
    assert (read.members["requestId"], read.deepest) == ("r", "x")


def test_the_last_member_with_a_name_counts() -> None:
    assert outline('{"a": "x", "a": 1, "b": 1, "b": "y"}').members == {"a": None, "b": "y"}


def test_members_before_a_fault_are_kept() -> None:
    assert outline('{"a": "x", "b": nope, "c": "z"}').members == {"a": "x"}
