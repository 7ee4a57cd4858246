"""Polly voices by language.

https://docs.aws.amazon.com/polly/latest/dg/available-voices.html. The table has the first voice of
each language, gender and engine. It leaves out Welsh English, which has no BCP 47 code. Some
Regions have no neural voices (https://docs.aws.amazon.com/polly/latest/dg/neural-voices.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interpreter.engines.aws.languages import lookup

Kind = Literal["standard", "neural"]
Gender = Literal["female", "male"]
KINDS: tuple[Kind, ...] = ("standard", "neural")
_GENDERS: tuple[Gender, ...] = ("female", "male")


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice, with the parameters of SynthesizeSpeech."""

    name: str
    language: str
    kind: Kind
    gender: Gender


# Polly's code: standard female and male, neural female and male; a dash where there is none.
_TABLE = """
ar-AE      -         -          Hala       Zayd
arb        Zeina     -          -          -
ca-ES      -         -          Arlet      -
cmn-CN     Zhiyu     -          Zhiyu      -
cs-CZ      -         -          Jitka      -
cy-GB      Gwyneth   -          -          -
da-DK      Naja      Mads       Sofie      -
de-AT      -         -          Hannah     -
de-CH      -         -          Sabrina    -
de-DE      Vicki     Hans       Vicki      Daniel
en-AU      Nicole    Russell    Olivia     -
en-GB      Amy       Brian      Amy        Brian
en-IE      -         -          Niamh      -
en-IN      Aditi     -          Kajal      -
en-NZ      -         -          Aria       -
en-SG      -         -          Jasmine    -
en-US      Joanna    Joey       Joanna     Matthew
en-ZA      -         -          Ayanda     -
es-ES      Lucia     Enrique    Lucia      Sergio
es-MX      Mia       -          Mia        Andres
es-US      Lupe      Miguel     Lupe       Pedro
fi-FI      -         -          Suvi       -
fr-BE      -         -          Isabelle   -
fr-CA      Chantal   -          Gabrielle  Liam
fr-FR      Lea       Mathieu    Lea        Remi
hi-IN      Aditi     -          Kajal      -
is-IS      Dora      Karl       -          -
it-IT      Bianca    Giorgio    Bianca     Adriano
ja-JP      Mizuki    Takumi     Tomoko     Takumi
ko-KR      Seoyeon   -          Seoyeon    -
nb-NO      Liv       -          Ida        -
nl-BE      -         -          Lisa       -
nl-NL      Lotte     Ruben      Laura      -
pl-PL      Maja      Jacek      Ola        -
pt-BR      Camila    Ricardo    Camila     Thiago
pt-PT      Ines      Cristiano  Ines       -
ro-RO      Carmen    -          -          -
ru-RU      Tatyana   Maxim      -          -
sv-SE      Astrid    -          Elin       -
tr-TR      Filiz     -          Burcu      -
yue-CN     -         -          Hiujin     -
"""
# Polly's code for our other codes, and for languages without a region.
_SPOKEN_AS = {
    "ar": "arb",
    "cmn": "cmn-CN",
    "de": "de-DE",
    "en": "en-US",
    "es": "es-ES",
    "es-419": "es-MX",
    "fr": "fr-FR",
    "nl": "nl-NL",
    "no": "nb-NO",
    "pt": "pt-BR",
    "zh": "cmn-CN",
    "zh-hk": "yue-CN",
}


def _voices() -> dict[str, tuple[Voice, ...]]:
    kinds = [(kind, gender) for kind in KINDS for gender in _GENDERS]
    table = {}
    for line in _TABLE.split("\n"):
        if line:
            code, *names = line.split()
            table[code] = tuple(
                Voice(name, code, kind, gender)
                for name, (kind, gender) in zip(names, kinds, strict=True)
                if name != "-"
            )
    return table


VOICES = _voices()
_CODES = {
    **{code.partition("-")[0]: code for code in VOICES},
    **{code.lower(): code for code in VOICES},
    **_SPOKEN_AS,
}
SPOKEN_LANGUAGES = frozenset(_CODES)


def voice_for(language: str, kind: Kind, gender: Gender) -> Voice | None:
    """Choose the voice of a language, falling back to the other gender or kind.

    The kind takes precedence over the gender, since the session pays for it.
    """
    code = lookup(language, _CODES)
    if code is None:
        return None
    return min(VOICES[code], key=lambda voice: (voice.kind != kind, voice.gender != gender))


def other_kind(language: str, voice: Voice) -> Voice | None:
    """A voice of the language in the other kind, if there is one."""
    kind: Kind = "standard" if voice.kind == "neural" else "neural"
    other = voice_for(language, kind, voice.gender)
    return other if other is not None and other.kind == kind else None
