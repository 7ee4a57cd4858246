"""What is counted of announcements: how far each one got, and how many there were in a day.

Rows of counters only ever grow, by updates without a condition.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from shared.data_access.announcement_items import COUNT_SHARDS, count_key, expires_at, shard_of
from shared.data_access.table import Table
from shared.models import schema
from shared.models.announced import Announced
from shared.models.announcement_messages import Coverage, LanguageCoverage

_DELIVERED = "delivered"
_ACKNOWLEDGED = "acknowledged"
_COUNT = "announced"
_KEEP_DAY_SECONDS = 3 * 24 * 60 * 60
# An expression has 4 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html
_LANGUAGES_AT_ONCE = 100


class AnnouncementCounts:
    """Counts, and adds up what was counted. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def delivered(
        self, announced: Announced, by_language: Mapping[str, int], reader: str = ""
    ) -> None:
        """An announcement got to so many connections; `reader` if it was that one's."""
        self._add(announced, shard_of(reader), _DELIVERED, by_language)

    def acknowledged(self, announced: Announced, language: str, reader: str) -> None:
        """A reader of that language has acknowledged an announcement."""
        self._add(announced, shard_of(reader), _ACKNOWLEDGED, {language: 1})

    def coverage(self, announcement_id: str) -> Coverage:
        """How far an announcement got until now, by one request."""
        keys = [count_key(announcement_id, shard) for shard in range(COUNT_SHARDS)]
        sums: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for item in self._table.batch_get(keys, consistent=True):
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
        self._table.count(
            _day_key(now_ms),
            "ADD #count :one SET #expires = :expires",
            names={"#count": _COUNT, "#expires": schema.EXPIRES_AT},
            values={":one": 1, ":expires": now_ms // 1000 + _KEEP_DAY_SECONDS},
        )

    def today(self, now_ms: int) -> int:
        """How many were announced to everybody on this day."""
        items = self._table.batch_get([_day_key(now_ms)], consistent=True)
        return sum(item[_COUNT] for item in items)

    def _add(
        self, announced: Announced, shard: int, what: str, by_language: Mapping[str, int]
    ) -> None:
        counted = [(language, number) for language, number in by_language.items() if number]
        for start in range(0, len(counted), _LANGUAGES_AT_ONCE):
            some = counted[start : start + _LANGUAGES_AT_ONCE]
            self._table.count(
                count_key(announced.announcement_id, shard),
                "ADD "
                + ", ".join(f"#l{index} :l{index}" for index in range(len(some)))
                + " SET #expires = :expires",
                names={
                    "#expires": schema.EXPIRES_AT,
                    **{
                        f"#l{index}": f"{what}#{language}"
                        for index, (language, _) in enumerate(some)
                    },
                },
                values={
                    ":expires": expires_at(announced),
                    **{f":l{index}": number for index, (_, number) in enumerate(some)},
                },
            )


def _day_key(now_ms: int) -> str:
    return f"day#{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d}"
