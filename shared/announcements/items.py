"""An announcement as items of the table, and how the table's rows are called.

Each kind of row has a prefix: `scope#` for the last announcement of a scope, `ack#` for who has
acknowledged one, `count#` for what was counted of one, `day#` for what was counted of a day,
`once#` for what an author has announced with a key of their own.
"""

from __future__ import annotations

import zlib

from shared.announcements.announcement import AnnouncementRecord
from shared.data_access.table import Item
from shared.models import schema

EVERYBODY = "all"
ANNOUNCEMENT_ID = "announcementId"
CREATED_AT = "createdAt"
CLEARED = "cleared"
TOLD = "told"
TEXTS = ("message", "translations")

# How long an announcement lives at most, and what belongs to it. A session's row lives for a week;
# its id may be given again.
_LIFETIME_SECONDS = 30 * 24 * 60 * 60
_LIFETIME_IN_SESSION_SECONDS = 7 * 24 * 60 * 60
# Counters of one announcement: a row takes 1 000 writes a second, and everybody may acknowledge
# it in the same one.
COUNT_SHARDS = 8


def scope_key(session_id: str | None) -> str:
    """The row of a scope's last announcement."""
    return f"scope#{session_id or EVERYBODY}"


def acknowledgement_key(announcement_id: str, reader: str) -> str:
    """The row that says that a reader has acknowledged an announcement."""
    return f"ack#{announcement_id}#{reader}"


def count_key(announcement_id: str, shard: int) -> str:
    """One of the rows that count an announcement."""
    return f"count#{announcement_id}#{shard}"


def shard_of(reader: str) -> int:
    """In which of these rows a reader counts."""
    return zlib.crc32(reader.encode()) % COUNT_SHARDS


def expires_at(announced: AnnouncementRecord) -> int:
    """When an announcement is over, and all that belongs to it (s since the epoch)."""
    lifetime = _LIFETIME_SECONDS if announced.session_id is None else _LIFETIME_IN_SESSION_SECONDS
    return announced.created_at // 1000 + lifetime


def announced_item(announced: AnnouncementRecord) -> Item:
    """The attributes of an announcement, without the row's key and without when it goes."""
    return {
        ANNOUNCEMENT_ID: announced.announcement_id,
        schema.SESSION_ID: announced.session_id,
        "message": announced.message,
        "messageType": announced.message_type,
        "translations": dict(announced.translations),
        CREATED_AT: announced.created_at,
    }


def announced_of(item: Item) -> AnnouncementRecord:
    """The announcement of an item; one that was cleared has no texts any more."""
    return AnnouncementRecord(
        announcement_id=item[ANNOUNCEMENT_ID],
        session_id=item.get(schema.SESSION_ID),
        message=item.get("message", ""),
        message_type=item["messageType"],
        created_at=item[CREATED_AT],
        translations=item.get("translations", {}),
        cleared=CLEARED in item,
        told=TOLD in item,
    )
