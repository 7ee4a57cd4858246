"""Validation of captions and rendered intervals."""

from __future__ import annotations

import re

from shared.models.errors import ErrorCode, ValidationError
from shared.models.interpretation import Renders
from shared.protocol.interpretation_messages import MAX_CAPTION_LENGTH, SendCaption
from shared.utils.text_normalisation import trim

# Unicode category Cc except the newline, which separates a caption's lines.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_TOO_EARLY = "before the beginning; end the interval at its timestamp or later"


def validate_caption(request: SendCaption) -> str:
    """Validate a caption and return its trimmed text. Raises INVALID_CAPTION.

    It has 1 to 1 000 characters (code points), and no control characters except newlines.
    """
    text = trim(request.text)
    if not text:
        raise _invalid_caption("text", "empty; send no caption for silence")
    if len(text) > MAX_CAPTION_LENGTH:
        raise _invalid_caption(
            "text", f"{len(text)} characters, the maximum is {MAX_CAPTION_LENGTH}; send sentences"
        )
    if control := _CONTROL.search(text):
        raise _invalid_caption(
            "text", f"control character U+{ord(control[0]):04X}; only newlines are allowed"
        )
    if request.end_timestamp < request.timestamp:
        raise _invalid_caption("endTimestamp", _TOO_EARLY)
    return text


def validate_renders(renders: Renders) -> None:
    """Validate that an interval does not end before it begins. Raises INVALID_MESSAGE."""
    if renders.end_timestamp < renders.timestamp:
        raise ValidationError(ErrorCode.INVALID_MESSAGE, "renders.endTimestamp", _TOO_EARLY)


def _invalid_caption(field: str, reason: str) -> ValidationError:
    return ValidationError(ErrorCode.INVALID_CAPTION, field, reason)
