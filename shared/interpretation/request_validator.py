"""Validation of a speaker's request for machine interpretation."""

from __future__ import annotations

from collections.abc import Sequence

from shared.models.audio_format import PCM, AudioFormat
from shared.models.errors import ErrorCode, ValidationError
from shared.models.interpretation import Interpretation, RequestedInterpretation
from shared.utils.validators import validate_language_code


def validate_interpretation(
    requested: RequestedInterpretation | None,
    *,
    source_language: str,
    audio_format: AudioFormat,
    engines: Sequence[str],
) -> Interpretation | None:
    """The requested interpretation with language codes in lower case, or None without a request.

    Raises ValidationError: INVALID_ENGINE unless `engines` has the engine, INVALID_LANGUAGE for a
    malformed or duplicate code or the source language, INVALID_AUDIO_FORMAT unless the format is
    PCM.
    """
    if requested is None:
        return None
    if requested.engine not in engines:
        there_are = f"choose one of {', '.join(engines)}" if engines else "there are none here"
        raise ValidationError(
            ErrorCode.INVALID_ENGINE, "interpretation.engine", f"no such engine; {there_are}"
        )
    if not audio_format.is_pcm:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO_FORMAT,
            "audioFormat.encoding",
            f"machine interpretation hears {PCM} only; ask for that, or for no interpretation",
        )
    if isinstance(requested.languages, str):
        return Interpretation(engine=requested.engine, languages=requested.languages)
    languages: list[str] = []
    for number, given in enumerate(requested.languages):
        field = f"interpretation.languages[{number}]"
        language = validate_language_code(given, field)
        if language == source_language:
            raise ValidationError(
                ErrorCode.INVALID_LANGUAGE, field, "the speaker's own; leave it out"
            )
        if language in languages:
            raise ValidationError(ErrorCode.INVALID_LANGUAGE, field, "there already; leave it out")
        languages.append(language)
    return Interpretation(engine=requested.engine, languages=tuple(languages))
