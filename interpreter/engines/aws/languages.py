"""Language codes of Transcribe and Translate for our codes (lower-case BCP 47).

A code missing from a table falls back to the code without its last part: `en-ca` is recognised as
`en`. Each service has its own names for Cantonese and Mandarin.
"""

from __future__ import annotations

from collections.abc import Mapping

# https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html
_TRANSCRIBED = (
    "af-ZA ar-AE ar-SA ca-ES cs-CZ da-DK de-CH de-DE el-GR en-AB en-AU en-GB en-IE en-IN en-NZ "
    "en-US en-WL en-ZA es-ES es-US eu-ES fa-IR fi-FI fr-CA fr-FR gl-ES he-IL hi-IN hr-HR id-ID "
    "it-IT ja-JP ko-KR lv-LV ms-MY nl-NL no-NO pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK so-SO sr-RS "
    "sv-SE th-TH tl-PH uk-UA vi-VN zh-CN zh-HK zh-TW zu-ZA"
).split()
# Transcribe's code for a language without a region, where several exist.
_TRANSCRIBED_AS = {
    "ar": "ar-SA",
    "de": "de-DE",
    "en": "en-US",
    "es": "es-ES",
    "es-419": "es-US",
    "es-mx": "es-US",
    "fil": "tl-PH",
    "fr": "fr-FR",
    "nb": "no-NO",
    "pt": "pt-BR",
    "yue": "zh-HK",
    "zh": "zh-CN",
    "zh-hant": "zh-TW",
}
# https://docs.aws.amazon.com/translate/latest/dg/what-is-languages.html
_TRANSLATED = (
    "af am ar az bg bn bs ca cs cy da de el en es es-MX et fa fa-AF fi fr fr-CA ga gu ha he hi "
    "hr ht hu hy id is it ja ka kk kn ko lt lv mk ml mn mr ms mt nl no pa pl ps pt pt-PT ro ru "
    "si sk sl so sq sr sv sw ta te th tl tr uk ur uz vi zh zh-TW"
).split()
_TRANSLATED_AS = {
    "cmn": "zh",
    "es-419": "es-MX",
    "fil": "tl",
    "nb": "no",
    # Cantonese is written in traditional characters, and there is no closer code.
    "yue": "zh-TW",
    "zh-hant": "zh-TW",
    "zh-hk": "zh-TW",
}


def lookup(code: str, table: Mapping[str, str]) -> str | None:
    """Look up a code, dropping subtags from the end until the table has it."""
    while code:
        if code in table:
            return table[code]
        code = code.rpartition("-")[0]
    return None


def _table(codes: list[str], special: Mapping[str, str]) -> dict[str, str]:
    """Build a table keyed by our codes: with and without region, and special cases."""
    bare = {code.partition("-")[0]: code for code in codes}
    return {**bare, **{code.lower(): code for code in codes}, **special}


_TRANSCRIBE = _table(_TRANSCRIBED, _TRANSCRIBED_AS)
_TRANSLATE = _table(_TRANSLATED, _TRANSLATED_AS)


def transcribe_code(language: str) -> str | None:
    """Transcribe's code of a language it can recognise in a stream."""
    return lookup(language, _TRANSCRIBE)


def translate_code(language: str) -> str | None:
    """Translate's code of a language."""
    return lookup(language, _TRANSLATE)
