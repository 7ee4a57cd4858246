"""What is counted of announcements: how far each one got, and how many there were in a day.

Rows of counters only ever grow, by updates without a condition. They also name those connections
that may be thought of as not told yet, as they had just come.
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
_TOLD = "told"
_TOLD_CLEARED = "toldCleared"
_KEEP_DAY_SECONDS = 3 * 24 * 60 * 60
# An expression has 4 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html
_ATTRIBUTES_AT_ONCE = 100
# Listeners choose their languages, and a row has 400 KB, all of which each write of it costs. It
# counts so many languages, and those that come later as unknown.
_MOST_LANGUAGES = 100
_LANGUAGES = "languages"
_FITS = (
    "attribute_not_exists(#languages) OR contains(#languages, :language)"
    " OR size(#languages) < :most"
)


class DeliveryCounts:
    """Counts, and adds up what was counted. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def delivered(
        self,
        announced: AnnouncementRecord,
        by_language: Mapping[str, int],
        reader: str = "",
        *,
        told: Collection[str] = (),
    ) -> None:
        """An announcement got to so many connections; `reader` if it was that one's. `told` are
        connections to be remembered. That it was cleared is remembered, too, and not counted.
        """
        counted = {} if announced.cleared else by_language
        self._add(announced, shard_of(reader), _DELIVERED, counted, told)

    def told(self, announced: AnnouncementRecord) -> set[str]:
        """Connections of which is remembered that they know what the announcement is now, active or
        cleared; one request, strongly consistent.
        """
        name = _told_name(announced)
        return {
            connection_id
            for item in self._rows(announced.announcement_id)
            for connection_id in item.get(name, ())
        }

    def acknowledged(self, announced: AnnouncementRecord, language: str, reader: str) -> None:
        """A reader of that language has acknowledged an announcement; safe to repeat soon."""
        self._add(
            announced,
            shard_of(reader),
            _ACKNOWLEDGED,
            {language: 1},
            write_id=f"{announced.announcement_id} {reader}",
        )

    def coverage(self, announcement_id: str) -> Coverage:
        """How far an announcement got until now, by one request."""
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

    def count_today(self, now_ms: int) -> None:
        """One more was announced to everybody on this day, by UTC."""
        self._table.upsert(
            _day_key(now_ms),
            "ADD #count :one SET #expires = :expires",
            names={"#count": _COUNT, "#expires": schema.EXPIRES_AT},
            values={":one": 1, ":expires": now_ms // 1000 + _KEEP_DAY_SECONDS},
        )

    def today(self, now_ms: int) -> int:
        """How many were announced to everybody on this day."""
        items = self._table.batch_get([_day_key(now_ms)], consistent=True)
        return sum(item[_COUNT] for item in items)

    def _rows(self, announcement_id: str) -> list[Item]:
        keys = [count_key(announcement_id, shard) for shard in range(COUNT_SHARDS)]
        return self._table.batch_get(keys, consistent=True)

    def _add(
        self,
        announced: AnnouncementRecord,
        shard: int,
        what: str,
        by_language: Mapping[str, int],
        told: Collection[str] = (),
        *,
        write_id: str | None = None,
    ) -> None:
        counted = {language: number for language, number in by_language.items() if number}
        if len(counted) == 1:
            try:
                self._write(announced, shard, what, counted, told, fits=True, write_id=write_id)
            except ConditionFailedError:
                unknown = {UNKNOWN_LANGUAGE: sum(counted.values())}
                # Refused under no other condition than its mark, it has been counted before.
                with suppress(ConditionFailedError):
                    self._write(announced, shard, what, unknown, told, write_id=write_id)
        else:
            self._write(announced, shard, what, _most(counted), told)

    def _write(
        self,
        announced: AnnouncementRecord,
        shard: int,
        what: str,
        by_language: Mapping[str, int],
        told: Collection[str],
        *,
        fits: bool = False,
        write_id: str | None = None,
    ) -> None:
        """Add to a row. Raises ConditionFailedError if it `fits` one language and no other."""
        added: list[tuple[str, int | set[str]]] = [
            (f"{what}#{language}", number) for language, number in by_language.items()
        ]
        if by_language:
            added.append((_LANGUAGES, set(by_language)))
        if told:
            added.append((_told_name(announced), set(told)))
        for start in range(0, len(added), _ATTRIBUTES_AT_ONCE):
            some = list(enumerate(added[start : start + _ATTRIBUTES_AT_ONCE]))
            names = {f"#a{index}": name for index, (name, _) in some}
            values: dict[str, Any] = {f":a{index}": value for index, (_, value) in some}
            if fits:
                names["#languages"] = _LANGUAGES
                values |= {":language": next(iter(by_language)), ":most": _MOST_LANGUAGES}
            self._table.upsert(
                count_key(announced.announcement_id, shard),
                "ADD "
                + ", ".join(f"#a{index} :a{index}" for index, _ in some)
                + " SET #expires = :expires",
                names={"#expires": schema.EXPIRES_AT, **names},
                values={":expires": expires_at(announced), **values},
                condition=_FITS if fits else None,
                write_id=write_id,
            )


def _most(by_language: Mapping[str, int]) -> Mapping[str, int]:
    """The languages of most, and the others as unknown."""
    if len(by_language) <= _MOST_LANGUAGES:
        return by_language
    ranked = sorted(by_language, key=lambda language: (-by_language[language], language))
    kept = {language: by_language[language] for language in ranked[:_MOST_LANGUAGES]}
    others = sum(by_language[language] for language in ranked[_MOST_LANGUAGES:])
    return {**kept, UNKNOWN_LANGUAGE: kept.get(UNKNOWN_LANGUAGE, 0) + others}


def _told_name(announced: AnnouncementRecord) -> str:
    return _TOLD_CLEARED if announced.cleared else _TOLD


def _day_key(now_ms: int) -> str:
    return f"day#{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d}"
