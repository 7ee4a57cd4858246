"""Keys and items of the announcements table.

Key prefixes: `scope#` for the latest announcement of a scope, `ack#` for acknowledgements,
`count#` for the counts of an announcement, `day#` for the counts of a day, `once#` for idempotency
keys.
"""

from __future__ import annotations

import zlib

from shared.announcements.announcement import AnnouncementRecord
from shared.data_access.table import Item
from shared.models import schema

ALL = "all"
ANNOUNCEMENT_ID = "announcementId"
CREATED_AT = "createdAt"
CLEARED = "cleared"
SENT = "told"
TEXTS = ("message", "translations")

# Lifetime of an announcement and its rows. In a session they live as long as the session's row,
# because its id may be reused.
_LIFETIME_SECONDS = 30 * 24 * 60 * 60
_LIFETIME_IN_SESSION_SECONDS = 7 * 24 * 60 * 60
# Rows that count one announcement. A row takes 1 000 writes a second, and everyone may acknowledge
# within the same second.
COUNT_SHARDS = 8


def scope_key(session_id: str | None) -> str:
    """Key of a scope's latest announcement."""
    return f"scope#{session_id or ALL}"


def acknowledgement_key(announcement_id: str, recipient_key: str) -> str:
    """Key of a recipient's acknowledgement."""
    return f"ack#{announcement_id}#{recipient_key}"


def count_key(announcement_id: str, shard: int) -> str:
    """Key of one shard of an announcement's counts."""
    return f"count#{announcement_id}#{shard}"


def shard_of(recipient_key: str) -> int:
    """Shard that counts a recipient."""
    return zlib.crc32(recipient_key.encode()) % COUNT_SHARDS


def expires_at(announcement: AnnouncementRecord) -> int:
    """When an announcement and its rows expire (s since the epoch)."""
    lifetime = (
        _LIFETIME_SECONDS if announcement.session_id is None else _LIFETIME_IN_SESSION_SECONDS
    )
    return announcement.created_at // 1000 + lifetime


def to_item(announcement: AnnouncementRecord) -> Item:
    """Convert an announcement to attributes, without key and expiry."""
    return {
        ANNOUNCEMENT_ID: announcement.announcement_id,
        schema.SESSION_ID: announcement.session_id,
        "message": announcement.message,
        "messageType": announcement.message_type,
        "translations": dict(announcement.translations),
        CREATED_AT: announcement.created_at,
    }


def from_item(item: Item) -> AnnouncementRecord:
    """Convert an item to an announcement; a cleared one has no texts."""
    return AnnouncementRecord(
        announcement_id=item[ANNOUNCEMENT_ID],
        session_id=item.get(schema.SESSION_ID),
        message=item.get("message", ""),
        message_type=item["messageType"],
        created_at=item[CREATED_AT],
        translations=item.get("translations", {}),
        cleared=CLEARED in item,
        sent=SENT in item,
    )
