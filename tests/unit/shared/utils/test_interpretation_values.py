"""Validation of captions, for any Unicode string."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from shared.models.errors import ErrorCode, ValidationError
from shared.protocol.interpretation_messages import SendCaption
from shared.utils.interpretation_values import validate_caption
from shared.utils.text_normalisation import trim


def checked(text: str) -> str | ErrorCode:
    try:
        return validate_caption(SendCaption(text=text, final=True, timestamp=1, end_timestamp=1))
    except ValidationError as error:
        return error.code


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        st.text(st.sampled_from(" \n\t\x00\x7f\x85\x9f\u2028a😀"), max_size=6),
        st.text("aé😀", min_size=995, max_size=1_005),
    )
)
def test_a_caption_is_accepted_exactly_if_it_is_valid(text: str) -> None:
    kept = trim(text)
    controls = [c for c in kept if unicodedata.category(c) == "Cc" and c != "\n"]
    fine = 1 <= len(kept) <= 1_000 and not controls

    assert checked(text) == (kept if fine else ErrorCode.INVALID_CAPTION)
