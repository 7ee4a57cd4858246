"""What of announcements is to happen later: messages of their queue."""

from __future__ import annotations

import msgspec


class ReplayDue(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="greetingDue"
):
    """A reader could not be told what is announced. Where they sit is looked up by then."""

    connection_id: str
    reader: str


class RedeliveryPass(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="latePass"
):
    """Whoever came about the time `at` (ms) is to be told what has become of an announcement. Of no
    effect if there is a later one in its scope.
    """

    announcement_id: str
    session_id: str | None
    at: int
