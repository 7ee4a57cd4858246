"""Limits of announcements. Texts are data: never interpreted, and unchanged but for trimming."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from shared.models.errors import ErrorCode, ValidationError
from shared.protocol.announcement_messages import MessageType
from shared.utils.text_normalisation import trim
from shared.utils.validators import validate_language_code

#: Maximum length of a trimmed text in code points, and the length that fits a banner.
MAX_CHARACTERS = 280
RECOMMENDED_CHARACTERS = 120
MAX_TRANSLATIONS = 40
# Maximum length of a language code that an error quotes; an invalid one may have any length.
_MAX_QUOTED = 35


class AnnouncementText(msgspec.Struct, frozen=True):
    """A text in the announcer's language, and its translations by language code."""

    message: str
    message_type: MessageType
    translations: Mapping[str, str]


def validate_announcement(
    message: str, message_type: MessageType, translations: Mapping[str, str] | None
) -> AnnouncementText:
    """Trim the texts and convert the language codes to lower case.

    Raises INVALID_ANNOUNCEMENT, and INVALID_LANGUAGE for a malformed language code.
    """
    given = translations or {}
    if len(given) > MAX_TRANSLATIONS:
        raise _invalid("translations", f"{len(given)} given, the maximum is {MAX_TRANSLATIONS}")
    texts: dict[str, str] = {}
    for language, text in given.items():
        field = f"translations.{language[:_MAX_QUOTED]}"
        code = validate_language_code(language, field)
        if code in texts:
            raise _invalid(field, "given twice; codes are compared in lower case")
        texts[code] = _text(text, field)
    return AnnouncementText(_text(message, "message"), message_type, texts)


def _text(text: str, field: str) -> str:
    trimmed = trim(text)
    if not trimmed:
        raise _invalid(field, "empty; give a text")
    if len(trimmed) > MAX_CHARACTERS:
        raise _invalid(field, f"{len(trimmed)} characters, the maximum is {MAX_CHARACTERS}")
    return trimmed


def _invalid(field: str, reason: str) -> ValidationError:
    return ValidationError(ErrorCode.INVALID_ANNOUNCEMENT, field, reason)
