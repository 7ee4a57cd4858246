"""Validation of announcements."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.announcements.validators import MAX_CHARACTERS, MAX_TRANSLATIONS, validate_announcement
from shared.models.errors import ErrorCode, ValidationError

# ECMAScript's white space and line terminators: category Zs and these.
JAVASCRIPT_SPACE = {"\t", "\n", "\v", "\f", "\r", "\u2028", "\u2029", "\ufeff"} | {
    chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Zs"
}
spaces = st.text(st.sampled_from(sorted(JAVASCRIPT_SPACE)), max_size=5)
characters = st.characters(exclude_categories=["Cs"])
visible = characters.filter(lambda character: character not in JAVASCRIPT_SPACE)


def message_of(text: str) -> str:
    return validate_announcement(text, "info", None).message


def refused(text: str, translations: dict[str, str] | None = None) -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        validate_announcement(text, "info", translations)
    return raised.value


@given(spaces, visible, st.text(characters, max_size=278), visible, spaces)
def test_texts_are_trimmed_and_otherwise_unchanged(
    before: str, first: str, between: str, last: str, after: str
) -> None:
    text = first + between + last

    assert message_of(before + text + after) == text


@given(st.characters(exclude_categories=["Cs"]))
def test_a_single_visible_character_is_a_text(character: str) -> None:
    if character in JAVASCRIPT_SPACE:
        assert refused(character).code is ErrorCode.INVALID_ANNOUNCEMENT
    else:
        assert message_of(character) == character


@pytest.mark.parametrize("space", ["\x1c", "\x1f", "\x85", "\u200b", "\u180e"])
def test_only_javascript_space_is_trimmed(space: str) -> None:
    assert message_of(f"{space}x{space}") == f"{space}x{space}"


@pytest.mark.parametrize("character", ["x", "\U0001f600", "é"])
def test_characters_are_code_points(character: str) -> None:
    assert message_of(f" {character * MAX_CHARACTERS} ") == character * MAX_CHARACTERS
    fault = refused(character * (MAX_CHARACTERS + 1))
    assert (fault.code, fault.field) == (ErrorCode.INVALID_ANNOUNCEMENT, "message")


def test_translations_are_trimmed_and_their_codes_lowered() -> None:
    text = validate_announcement("x", "alert", {"ES": " hola ", "pt-BR": "oi"})

    assert text.translations == {"es": "hola", "pt-br": "oi"}
    assert text.message_type == "alert"


def test_the_number_of_translations_is_limited() -> None:
    codes = [f"{first}{second}" for first in "abcdefg" for second in "abcdef"]

    allowed = dict.fromkeys(codes[:MAX_TRANSLATIONS], "x")
    assert len(validate_announcement("x", "info", allowed).translations) == MAX_TRANSLATIONS
    fault = refused("x", dict.fromkeys(codes[: MAX_TRANSLATIONS + 1], "x"))
    assert (fault.code, fault.field) == (ErrorCode.INVALID_ANNOUNCEMENT, "translations")


@pytest.mark.parametrize(
    ("translations", "code", "field"),
    [
        ({"es": "\u2003"}, ErrorCode.INVALID_ANNOUNCEMENT, "translations.es"),
        ({"es": "x" * 281}, ErrorCode.INVALID_ANNOUNCEMENT, "translations.es"),
        ({"es": "x", "ES": "y"}, ErrorCode.INVALID_ANNOUNCEMENT, "translations.ES"),
        ({"": "x"}, ErrorCode.INVALID_LANGUAGE, "translations."),
        ({"x" * 9_000: "x"}, ErrorCode.INVALID_LANGUAGE, "translations." + "x" * 35),
    ],
)
def test_errors_name_the_translation(
    translations: dict[str, str], code: ErrorCode, field: str
) -> None:
    fault = refused("x", translations)

    assert (fault.code, fault.field) == (code, field)
