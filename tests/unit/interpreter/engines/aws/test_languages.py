from __future__ import annotations

import pytest

from interpreter.engines.aws.languages import transcribe_code, translate_code
from interpreter.engines.aws.voices import KINDS, SPOKEN_LANGUAGES, VOICES, other_kind, voice_for
from shared.utils.validators import validate_language_code
from tests.helpers.aws_speech.services import operation


def known_to_polly(member: str) -> set[str]:
    shape = operation("polly").input_shape
    assert shape is not None
    return set(getattr(shape.members[member], "enum", []))


def test_every_voice_exists_in_polly() -> None:
    voices = [voice for voices in VOICES.values() for voice in voices]

    assert {voice.name for voice in voices} <= known_to_polly("VoiceId")
    assert {voice.kind for voice in voices} == set(KINDS) <= known_to_polly("Engine")
    assert {voice.language for voice in voices} == set(VOICES)


def test_every_polly_language_has_a_voice() -> None:
    # Welsh English has no BCP 47 code.
    assert set(VOICES) == known_to_polly("LanguageCode") - {"en-GB-WLS"}
    assert all(VOICES.values())


def test_our_language_codes_are_valid() -> None:
    for code in SPOKEN_LANGUAGES:
        assert validate_language_code(code) == code
        assert voice_for(code, "neural", "female")


@pytest.mark.parametrize(
    ("ours", "transcribe", "translate", "female", "male"),
    [
        ("en", "en-US", "en", "Joanna", "Matthew"),
        ("en-gb", "en-GB", "en", "Amy", "Brian"),
        ("en-ca", "en-US", "en", "Joanna", "Matthew"),
        ("es", "es-ES", "es", "Lucia", "Sergio"),
        ("es-mx", "es-US", "es-MX", "Mia", "Andres"),
        ("es-419", "es-US", "es-MX", "Mia", "Andres"),
        ("de-at", "de-DE", "de", "Hannah", "Hannah"),
        ("pt", "pt-BR", "pt", "Camila", "Thiago"),
        ("pt-pt", "pt-PT", "pt-PT", "Ines", "Ines"),
        ("no", "no-NO", "no", "Ida", "Ida"),
        ("nb", "no-NO", "no", "Ida", "Ida"),
        ("zh", "zh-CN", "zh", "Zhiyu", "Zhiyu"),
        ("zh-hant-tw", "zh-TW", "zh-TW", "Zhiyu", "Zhiyu"),
        ("zh-hk", "zh-HK", "zh-TW", "Hiujin", "Hiujin"),
        ("yue", "zh-HK", "zh-TW", "Hiujin", "Hiujin"),
        ("ar", "ar-SA", "ar", "Zeina", "Zeina"),
        ("ar-ae", "ar-AE", "ar", "Hala", "Zayd"),
        ("ru", "ru-RU", "ru", "Tatyana", "Maxim"),
        ("fil", "tl-PH", "tl", None, None),
        ("tlh", None, None, None, None),
    ],
)
def test_languages_map_to_each_services_names(
    ours: str, transcribe: str | None, translate: str | None, female: str | None, male: str | None
) -> None:
    she, he = voice_for(ours, "neural", "female"), voice_for(ours, "neural", "male")

    assert transcribe_code(ours) == transcribe
    assert translate_code(ours) == translate
    assert (she.name if she else None, he.name if he else None) == (female, male)


def test_the_kind_takes_precedence_over_the_gender() -> None:
    voice = voice_for("fr-ca", "standard", "male")

    assert voice is not None
    assert (voice.name, voice.kind) == ("Chantal", "standard")


def test_a_replacement_voice_has_the_same_language() -> None:
    for code in SPOKEN_LANGUAGES:
        for kind in KINDS:
            voice = voice_for(code, kind, "female")
            assert voice is not None
            other = other_kind(code, voice)
            if other is not None:
                assert (other.language, other.kind != voice.kind) == (voice.language, True)
