"""How an audience is counted for its speaker, and when it has changed enough to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.models.connection import UNKNOWN_LANGUAGE
from shared.models.terms import UpdateReason


@dataclass(frozen=True, slots=True)
class SentStatus:
    """What a session's last status said: the listeners, and how many languages beside the
    speaker's had ever been listened to. A session starts with a status of nobody.
    """

    listener_count: int = 0
    languages: int = 0


@dataclass(frozen=True, slots=True)
class AudienceChange:
    """A session's audience after somebody came, went or changed language.

    `pending_since` (ms) is there while a status is on its way.
    """

    session_id: str
    is_active: bool
    listener_count: int
    languages: int
    sent: SentStatus
    pending_since: int | None = None


def update_reason(sent: SentStatus, listener_count: int, languages: int) -> UpdateReason | None:
    """Why an audience is worth a status of its own: a language was never listened to before, or
    the count differs by more than a tenth from the one that was told.
    """
    if languages > sent.languages:
        return "newLanguage"
    if 10 * abs(max(listener_count, 0) - sent.listener_count) > sent.listener_count:
        return "listenerCountChange"
    return None


def languages_heard(counted: Iterable[str], source_language: str) -> int:
    """How many of the languages that have a counter were ever listened to as a language of their
    own: the speaker's is new to no session. A counter that is zero again counts too.
    """
    return len(set(counted) - {source_language})


def language_distribution(language_counts: Mapping[str, int]) -> dict[str, int]:
    """Listeners by language, most first, without languages of none.

    Counters are off by a moment's work at times, so one may be negative: it counts as none. Who
    gave no language is `unknown`.
    """
    found: dict[str, int] = {}
    for language, count in language_counts.items():
        if count > 0:
            name = language or UNKNOWN_LANGUAGE
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))
