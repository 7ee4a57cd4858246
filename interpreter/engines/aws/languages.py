"""Which of our language codes the services know, and under what names.

Ours are lower-case BCP 47. What a table does not have is looked for under its language alone:
`en-ca` is heard as `en`. Cantonese and Mandarin have names of their own in each service.
"""

from __future__ import annotations

from collections.abc import Mapping

# https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html
_HEARD = (
    "af-ZA ar-AE ar-SA ca-ES cs-CZ da-DK de-CH de-DE el-GR en-AB en-AU en-GB en-IE en-IN en-NZ "
    "en-US en-WL en-ZA es-ES es-US eu-ES fa-IR fi-FI fr-CA fr-FR gl-ES he-IL hi-IN hr-HR id-ID "
    "it-IT ja-JP ko-KR lv-LV ms-MY nl-NL no-NO pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK so-SO sr-RS "
    "sv-SE th-TH tl-PH uk-UA vi-VN zh-CN zh-HK zh-TW zu-ZA"
).split()
# What a language without a region is heard as, where there is a choice.
_HEARD_AS = {
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


def found(code: str, table: Mapping[str, str]) -> str | None:
    """What a table has for a code, or else for the code with less and less after its language."""
    while code:
        if code in table:
            return table[code]
        code = code.rpartition("-")[0]
    return None


def _table(codes: list[str], special: Mapping[str, str]) -> dict[str, str]:
    """By our codes: each code itself, each language alone, and what is special."""
    alone = {code.partition("-")[0]: code for code in codes}
    return {**alone, **{code.lower(): code for code in codes}, **special}


_TRANSCRIBE = _table(_HEARD, _HEARD_AS)
_TRANSLATE = _table(_TRANSLATED, _TRANSLATED_AS)


def transcribe_code(language: str) -> str | None:
    """What Transcribe calls a language that it can hear in a stream."""
    return found(language, _TRANSCRIBE)


def translate_code(language: str) -> str | None:
    """What Translate calls it."""
    return found(language, _TRANSLATE)
