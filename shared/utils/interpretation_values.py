"""What interpreters may say beside their audio: captions, and which interval a chunk renders."""

from __future__ import annotations

import re

from shared.models.errors import ErrorCode, ValidationError
from shared.models.interpretation import Renders
from shared.protocol.interpretation_messages import MAX_CAPTION_LENGTH, SendCaption
from shared.utils.text_normalisation import trim

# All of Unicode's category Cc but the newline, which breaks a caption into its lines.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_TOO_EARLY = "before the beginning; an interval ends at its timestamp or later"


def validate_caption(request: SendCaption) -> str:
    """The caption's text, trimmed: 1 to 1 000 characters (code points), without control characters
    but for newlines. Raises INVALID_CAPTION.
    """
    text = trim(request.text)
    if not text:
        raise _invalid_caption("text", "empty; send nothing where nothing is said")
    if len(text) > MAX_CAPTION_LENGTH:
        raise _invalid_caption(
            "text", f"{len(text)} characters, there may be {MAX_CAPTION_LENGTH}; send sentences"
        )
    if control := _CONTROL.search(text):
        raise _invalid_caption(
            "text", f"control character U+{ord(control[0]):04X}; only newlines may be there"
        )
    if request.end_timestamp < request.timestamp:
        raise _invalid_caption("endTimestamp", _TOO_EARLY)
    return text


def validate_renders(renders: Renders) -> None:
    """An interval that ends no sooner than it begins. Raises INVALID_MESSAGE."""
    if renders.end_timestamp < renders.timestamp:
        raise ValidationError(ErrorCode.INVALID_MESSAGE, "renders.endTimestamp", _TOO_EARLY)


def _invalid_caption(field: str, reason: str) -> ValidationError:
    return ValidationError(ErrorCode.INVALID_CAPTION, field, reason)
