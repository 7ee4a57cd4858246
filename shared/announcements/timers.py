"""Messages of the announcement queue: work that is due later."""

from __future__ import annotations

import msgspec


class ReplayDue(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="greetingDue"
):
    """Replay active announcements to a connection, after a first attempt failed.

    The recipient's seat is looked up again when the message is due.
    """

    connection_id: str
    recipient_key: str = msgspec.field(name="reader")


class RedeliveryPass(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="latePass"
):
    """Send an announcement to connections that its first pass, at `at` (ms), may have missed.

    Ignored if the scope has a later announcement.
    """

    announcement_id: str
    session_id: str | None
    at: int
