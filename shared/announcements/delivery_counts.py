"""Delivery and acknowledgement counts of announcements, and announcements per day.

Counts only increase, by unconditional updates. The rows of an announcement also list recently
arrived connections that it has reached, so that the redelivery pass can skip them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.items import COUNT_SHARDS, count_key, expires_at, shard_of
from shared.data_access.table import ConditionFailedError, Item, Table
from shared.models import schema
from shared.models.connection import UNKNOWN_LANGUAGE
from shared.protocol.announcement_messages import Coverage, LanguageCoverage

_DELIVERED = "delivered"
_ACKNOWLEDGED = "acknowledged"
_COUNT = "announced"
_REACHED = "told"
_REACHED_BY_CLEAR = "toldCleared"
_DAY_LIFETIME_SECONDS = 3 * 24 * 60 * 60
# An expression is limited to 4 KB:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html
_ATTRIBUTES_PER_WRITE = 100
# Listeners choose their language codes, and a row is limited to 400 KB, charged for on each write.
# Once a row counts this many languages, further ones count as unknown.
_MAX_LANGUAGES = 100
_LANGUAGES = "languages"
_HAS_ROOM = (
    "attribute_not_exists(#languages) OR contains(#languages, :language) OR size(#languages) < :max"
)


class DeliveryCounts:
    """Reads and writes counts. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add_deliveries(
        self,
        announcement: AnnouncementRecord,
        by_language: Mapping[str, int],
        recipient_key: str = "",
        *,
        reached: Collection[str] = (),
    ) -> None:
        """Count deliveries by language, and list the connections `reached`.

        `recipient_key` selects the shard for a delivery to a single recipient. Deliveries of a
        cleared announcement list connections but are not counted.
        """
        counted = {} if announcement.cleared else by_language
        self._add(announcement, shard_of(recipient_key), _DELIVERED, counted, reached)

    def reached(self, announcement: AnnouncementRecord) -> set[str]:
        """Return the connections listed as reached by the current state, active or cleared.

        One strongly consistent request.
        """
        name = _reached_name(announcement)
        return {
            connection_id
            for item in self._rows(announcement.announcement_id)
            for connection_id in item.get(name, ())
        }

    def add_acknowledgement(
        self, announcement: AnnouncementRecord, language: str, recipient_key: str
    ) -> None:
        """Count an acknowledgement; safe to repeat shortly after."""
        self._add(
            announcement,
            shard_of(recipient_key),
            _ACKNOWLEDGED,
            {language: 1},
            write_id=f"{announcement.announcement_id} {recipient_key}",
        )

    def coverage(self, announcement_id: str) -> Coverage:
        """Return an announcement's counts so far, by one request."""
        sums: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for item in self._rows(announcement_id):
            for name, value in item.items():
                what, _, language = name.partition("#")
                if language:
                    sums[language][what] += value
        languages = {
            language: LanguageCoverage(
                delivered=counts[_DELIVERED], acknowledged=counts[_ACKNOWLEDGED]
            )
            for language, counts in sorted(sums.items())
        }
        return Coverage(
            delivered=sum(each.delivered for each in languages.values()),
            acknowledged=sum(each.acknowledged for each in languages.values()),
            languages=languages,
        )

    def add_to_day(self, now_ms: int) -> None:
        """Count an announcement to everyone on this day (UTC)."""
        self._table.upsert(
            _day_key(now_ms),
            "ADD #count :one SET #expires = :expires",
            names={"#count": _COUNT, "#expires": schema.EXPIRES_AT},
            values={":one": 1, ":expires": now_ms // 1000 + _DAY_LIFETIME_SECONDS},
        )

    def on_day(self, now_ms: int) -> int:
        """Return the number of announcements to everyone on this day (UTC)."""
        items = self._table.batch_get([_day_key(now_ms)], consistent=True)
        return sum(item[_COUNT] for item in items)

    def _rows(self, announcement_id: str) -> list[Item]:
        keys = [count_key(announcement_id, shard) for shard in range(COUNT_SHARDS)]
        return self._table.batch_get(keys, consistent=True)

    def _add(
        self,
        announcement: AnnouncementRecord,
        shard: int,
        what: str,
        by_language: Mapping[str, int],
        reached: Collection[str] = (),
        *,
        write_id: str | None = None,
    ) -> None:
        counted = {language: number for language, number in by_language.items() if number}
        if len(counted) == 1:
            try:
                self._write(
                    announcement, shard, what, counted, reached, if_room=True, write_id=write_id
                )
            except ConditionFailedError:
                unknown = {UNKNOWN_LANGUAGE: sum(counted.values())}
                # Only `write_id` can fail this write: it has been counted before.
                with suppress(ConditionFailedError):
                    self._write(announcement, shard, what, unknown, reached, write_id=write_id)
        else:
            self._write(announcement, shard, what, _limited(counted), reached)

    def _write(
        self,
        announcement: AnnouncementRecord,
        shard: int,
        what: str,
        by_language: Mapping[str, int],
        reached: Collection[str],
        *,
        if_room: bool = False,
        write_id: str | None = None,
    ) -> None:
        """Add to a row.

        With `if_room`, raises ConditionFailedError if the row has no room for the one language.
        """
        added: list[tuple[str, int | set[str]]] = [
            (f"{what}#{language}", number) for language, number in by_language.items()
        ]
        if by_language:
            added.append((_LANGUAGES, set(by_language)))
        if reached:
            added.append((_reached_name(announcement), set(reached)))
        for start in range(0, len(added), _ATTRIBUTES_PER_WRITE):
            some = list(enumerate(added[start : start + _ATTRIBUTES_PER_WRITE]))
            names = {f"#a{index}": name for index, (name, _) in some}
            values: dict[str, Any] = {f":a{index}": value for index, (_, value) in some}
            if if_room:
                names["#languages"] = _LANGUAGES
                values |= {":language": next(iter(by_language)), ":max": _MAX_LANGUAGES}
            self._table.upsert(
                count_key(announcement.announcement_id, shard),
                "ADD "
                + ", ".join(f"#a{index} :a{index}" for index, _ in some)
                + " SET #expires = :expires",
                names={"#expires": schema.EXPIRES_AT, **names},
                values={":expires": expires_at(announcement), **values},
                condition=_HAS_ROOM if if_room else None,
                write_id=write_id,
            )


def _limited(by_language: Mapping[str, int]) -> Mapping[str, int]:
    """Keep the languages with the highest counts, and count the rest as unknown."""
    if len(by_language) <= _MAX_LANGUAGES:
        return by_language
    ranked = sorted(by_language, key=lambda language: (-by_language[language], language))
    kept = {language: by_language[language] for language in ranked[:_MAX_LANGUAGES]}
    others = sum(by_language[language] for language in ranked[_MAX_LANGUAGES:])
    return {**kept, UNKNOWN_LANGUAGE: kept.get(UNKNOWN_LANGUAGE, 0) + others}


def _reached_name(announcement: AnnouncementRecord) -> str:
    return _REACHED_BY_CLEAR if announcement.cleared else _REACHED


def _day_key(now_ms: int) -> str:
    return f"day#{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d}"
