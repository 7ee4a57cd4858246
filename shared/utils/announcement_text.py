"""What an announcement may say. Its texts are data: nothing in them is interpreted or taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.models.announcement_messages import MessageType
from shared.models.errors import ErrorCode, ValidationError
from shared.utils.validators import validate_language_code

#: Of a text, in code points, after trimming; and what fits into a banner.
MAX_CHARACTERS = 280
RECOMMENDED_CHARACTERS = 120
MAX_TRANSLATIONS = 40
# What an error repeats of a language code that may be none.
_SHOWN = 35

# What JavaScript's trim takes off, so that clients count as we do:
# https://tc39.es/ecma262/#prod-WhiteSpace and #prod-LineTerminator
_WHITE_SPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


@dataclass(frozen=True, slots=True)
class AnnouncementText:
    """A text in the announcer's language, and those for readers of others by language code."""

    message: str
    message_type: MessageType
    translations: Mapping[str, str]


def validate_announcement(
    message: str, message_type: MessageType, translations: Mapping[str, str] | None
) -> AnnouncementText:
    """The texts trimmed, with language codes in lower case. Raises INVALID_ANNOUNCEMENT, and
    INVALID_LANGUAGE for a translation into what is none.
    """
    given = translations or {}
    if len(given) > MAX_TRANSLATIONS:
        raise _invalid("translations", f"{len(given)}, there may be {MAX_TRANSLATIONS}")
    texts: dict[str, str] = {}
    for language, text in given.items():
        field = f"translations.{language[:_SHOWN]}"
        code = validate_language_code(language, field)
        if code in texts:
            raise _invalid(field, "the same language twice; codes are compared in lower case")
        texts[code] = _text(text, field)
    return AnnouncementText(_text(message, "message"), message_type, texts)


def _text(text: str, field: str) -> str:
    trimmed = text.strip(_WHITE_SPACE)
    if not trimmed:
        raise _invalid(field, "empty; say something")
    if len(trimmed) > MAX_CHARACTERS:
        raise _invalid(field, f"{len(trimmed)} characters, there may be {MAX_CHARACTERS}")
    return trimmed


def _invalid(field: str, reason: str) -> ValidationError:
    return ValidationError(ErrorCode.INVALID_ANNOUNCEMENT, field, reason)
