"""What an announcement may say. Its texts are data: nothing in them is interpreted or taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.models.errors import ErrorCode, ValidationError
from shared.protocol.announcement_messages import MessageType
from shared.utils.text_normalisation import trim
from shared.utils.validators import validate_language_code

#: Of a text, in code points, after trimming; and what fits into a banner.
MAX_CHARACTERS = 280
RECOMMENDED_CHARACTERS = 120
MAX_TRANSLATIONS = 40
# What an error repeats of a language code that may be none.
_SHOWN = 35


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
    kept = trim(text)
    if not kept:
        raise _invalid(field, "empty; say something")
    if len(kept) > MAX_CHARACTERS:
        raise _invalid(field, f"{len(kept)} characters, there may be {MAX_CHARACTERS}")
    return kept


def _invalid(field: str, reason: str) -> ValidationError:
    return ValidationError(ErrorCode.INVALID_ANNOUNCEMENT, field, reason)
