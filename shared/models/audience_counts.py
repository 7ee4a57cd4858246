"""Audience counts for the speaker, and when a change deserves a status of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from shared.models.connection import UNKNOWN_LANGUAGE
from shared.models.terms import UpdateReason


class SentStatus(msgspec.Struct, frozen=True):
    """The last status sent to a session's speaker.

    `languages` counts the languages, other than the speaker's, that ever had a listener. A new
    session starts with an empty audience.
    """

    listener_count: int = 0
    languages: int = 0


class AudienceChange(msgspec.Struct, frozen=True):
    """A session's audience after a join, a leave or a change of language.

    `pending_since` is when the next status was armed (ms since the epoch), if one is.
    """

    session_id: str
    is_active: bool
    listener_count: int
    languages: int
    sent: SentStatus
    pending_since: int | None = None


def update_reason(sent: SentStatus, listener_count: int, languages: int) -> UpdateReason | None:
    """Reason to send a status now, or None.

    A new language has a listener, or the count differs from the sent one by more than a tenth.
    """
    if languages > sent.languages:
        return "newLanguage"
    if 10 * abs(max(listener_count, 0) - sent.listener_count) > sent.listener_count:
        return "listenerCountChange"
    return None


def languages_heard(counted: Iterable[str], source_language: str) -> int:
    """Number of languages that ever had a listener, without the speaker's.

    `counted` holds the languages with a counter, including those back at zero.
    """
    return len(set(counted) - {source_language})


def language_distribution(language_counts: Mapping[str, int]) -> dict[str, int]:
    """Listeners by language, most first, without languages that have none.

    Counters can be off for a moment; a negative one counts as zero. Listeners without a language
    are `unknown`.
    """
    found: dict[str, int] = {}
    for language, count in language_counts.items():
        if count > 0:
            name = language or UNKNOWN_LANGUAGE
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))
