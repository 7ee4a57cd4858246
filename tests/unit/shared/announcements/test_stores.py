"""Announcement stores over moto."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.idempotency_keys import IdempotencyKeys
from shared.announcements.items import COUNT_SHARDS, count_key, shard_of
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import Table
from shared.models import schema
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.memory_dynamodb import MemoryDynamoDB
from tests.helpers.database.tables import ANNOUNCEMENTS, dynamodb, moto_tables

NOW = 1_700_000_000_000
DAY = 24 * 3600 * 1000
SESSION = "golden-eagle-427"
FIRST = AnnouncementRecord("a1", None, "Pause", "alert", NOW, {"es": "Pausa"})


class _WriteOnly(MemoryDynamoDB):
    """DynamoDB that never returns a row.

    Refused conditions come without the item, as on a laptop, and GetItem is denied, as to the
    functions that count.
    """

    def update_item(self, **asked: Any) -> Any:
        return super().update_item(**{**asked, "ReturnValuesOnConditionCheckFailure": "NONE"})

    def get_item(self, **asked: Any) -> Any:
        denied: Any = {
            "Error": {"Code": "AccessDeniedException"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        raise ClientError(denied, "GetItem")


@pytest.fixture
def table() -> Iterator[Table]:
    with moto_tables():
        yield Table(dynamodb(), ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY)


@pytest.fixture
def announcements(table: Table) -> ActiveAnnouncements:
    return ActiveAnnouncements(table)


class TestActiveAnnouncements:
    def test_reads_what_was_activated(self, announcements: ActiveAnnouncements) -> None:
        in_session = replace(FIRST, announcement_id="a2", session_id=SESSION, created_at=NOW + 1)

        assert announcements.read([None, SESSION], NOW) == []
        assert announcements.activate(FIRST) == FIRST
        assert announcements.activate(in_session) == in_session

        assert announcements.read([None, SESSION], NOW) == [FIRST, in_session]
        assert announcements.read([SESSION], NOW) == [in_session]

    def test_the_time_of_a_scope_never_decreases(self, announcements: ActiveAnnouncements) -> None:
        announcements.activate(FIRST)
        behind = replace(FIRST, announcement_id="a2", created_at=NOW - 9000)

        assert announcements.activate(behind) == replace(behind, created_at=NOW + 1)
        announcements.clear(None)
        again = replace(FIRST, announcement_id="a3", created_at=NOW - 9000)
        assert announcements.activate(again) == replace(again, created_at=NOW + 2)

    def test_an_active_announcement_is_not_activated_again(
        self, announcements: ActiveAnnouncements
    ) -> None:
        announcements.activate(FIRST)

        assert announcements.activate(FIRST) is None
        assert announcements.resume(FIRST) is None

    def test_resumes_unless_a_later_announcement_exists(
        self, announcements: ActiveAnnouncements
    ) -> None:
        assert announcements.resume(FIRST) == FIRST
        later = replace(FIRST, announcement_id="a2", created_at=NOW + 5)
        announcements.activate(later)

        assert (
            announcements.resume(replace(FIRST, announcement_id="a3", created_at=NOW + 4)) is None
        )
        assert announcements.read([None], NOW) == [later]

    def test_clearing_removes_the_texts_and_works_once(
        self, announcements: ActiveAnnouncements
    ) -> None:
        assert announcements.clear(None) is None
        announcements.activate(FIRST)

        assert announcements.clear(None) == replace(FIRST, cleared=True)
        assert announcements.clear(None) is None
        (left,) = announcements.read([None], NOW)
        assert left == replace(FIRST, cleared=True, message="", translations={})

    def test_sent_is_marked_for_the_current_state_only(
        self, announcements: ActiveAnnouncements
    ) -> None:
        announcements.activate(FIRST)
        announcements.mark_sent(FIRST)
        assert announcements.read([None], NOW) == [replace(FIRST, sent=True)]

        cleared = announcements.clear(None)
        assert cleared is not None
        announcements.mark_sent(FIRST)  # late: it does not mark the clear
        assert not announcements.read([None], NOW)[0].sent
        announcements.mark_sent(cleared)
        assert announcements.read([None], NOW)[0].sent

        second = replace(FIRST, announcement_id="a2", created_at=NOW + 1)
        announcements.activate(second)
        announcements.mark_sent(cleared)
        assert not announcements.read([None], NOW)[0].sent

    @pytest.mark.parametrize(("session_id", "days"), [(None, 30), (SESSION, 7)])
    def test_expired_rows_are_ignored(
        self, announcements: ActiveAnnouncements, session_id: str | None, days: int
    ) -> None:
        announcements.activate(replace(FIRST, session_id=session_id))

        assert announcements.read([session_id], NOW + days * DAY - 1)
        assert not announcements.read([session_id], NOW + days * DAY)

    def test_concurrent_announcements_get_different_times(self, table: Table) -> None:
        client: Any = InterruptibleClient(dynamodb())
        late = ActiveAnnouncements(Table(client, ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY))
        others = ActiveAnnouncements(table)
        others.activate(FIRST)
        second = replace(FIRST, announcement_id="a2")
        third = replace(FIRST, announcement_id="a3")
        # Between the read of the current announcement and the write.
        client.interrupt(lambda: others.activate(second), after=2)

        assert late.activate(third) == replace(third, created_at=NOW + 2)

    def test_a_damaged_row_counts_as_an_unavailable_table(
        self, table: Table, announcements: ActiveAnnouncements
    ) -> None:
        table.put({schema.ANNOUNCEMENT_KEY: "scope#all", schema.EXPIRES_AT: NOW})

        with pytest.raises(StoreUnavailableError):
            announcements.read([None], NOW)


class TestAcknowledgements:
    def test_stored_per_reader_and_announcement(self, table: Table) -> None:
        acknowledgements = AcknowledgementStore(table)
        second = replace(FIRST, announcement_id="a2")

        assert acknowledgements.put(FIRST, "user#rita") is True
        assert acknowledgements.put(FIRST, "user#rita") is False
        assert acknowledgements.put(second, "client#rita") is True

        assert acknowledgements.acknowledged_ids("user#rita", [FIRST, second]) == {"a1"}
        assert acknowledgements.acknowledged_ids("client#rita", [FIRST, second]) == {"a2"}
        assert acknowledgements.acknowledged_ids("user#otto", [FIRST, second]) == set()


class TestCounts:
    def test_without_rows(self, table: Table) -> None:
        coverage = DeliveryCounts(table).coverage("a1")

        assert (coverage.delivered, coverage.acknowledged, coverage.languages) == (0, 0, {})

    def test_sums_by_language_over_all_shards(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        readers = [f"user#{number}" for number in range(40)]
        counts.add_deliveries(FIRST, {"es": 30, "de": 10, "fr": 0})
        counts.add_deliveries(FIRST, {"es": 1}, "user#late")
        for reader in readers:
            counts.add_acknowledgement(FIRST, "es", reader)

        coverage = counts.coverage("a1")

        assert (coverage.delivered, coverage.acknowledged) == (41, 40)
        assert {
            language: (each.delivered, each.acknowledged)
            for language, each in coverage.languages.items()
        } == {"de": (10, 0), "es": (31, 40)}
        assert len({shard_of(reader) for reader in readers}) == COUNT_SHARDS
        assert table.get(count_key("a1", shard_of(readers[0]))) is not None

    def test_more_languages_than_fit_one_expression(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        by_language = {f"{number:03d}": number for number in range(1, 451)}

        counts.add_deliveries(FIRST, by_language)

        assert counts.coverage("a1").delivered == sum(by_language.values())

    def test_the_size_of_a_row_is_limited(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        counts.add_deliveries(FIRST, {"es": 1}, "client#vandal")

        shard = shard_of("client#vandal")
        ids = (f"client#vandal-{number}" for number in itertools.count())
        # Client ids that lead to the same row.
        vandals = list(itertools.islice((one for one in ids if shard_of(one) == shard), 150))
        for number, vandal in enumerate(vandals):
            counts.add_deliveries(FIRST, {f"en-x-{number}": 1}, vandal)
            counts.add_acknowledgement(FIRST, f"de-x-{number}", vandal)
        counts.add_acknowledgement(FIRST, "es", "client#vandal")

        coverage = counts.coverage("a1")
        row = table.get(count_key("a1", shard))
        assert row is not None
        assert len(row) <= 2 * 101 + 3
        assert (coverage.delivered, coverage.acknowledged) == (151, 151)
        assert (coverage.languages["es"].delivered, coverage.languages["es"].acknowledged) == (1, 1)
        assert coverage.languages["unknown"].delivered > 50

    def test_a_repeated_acknowledgement_counts_once_without_reading_the_row(self) -> None:
        counts = DeliveryCounts(
            Table(_WriteOnly(), ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY)  # type: ignore[arg-type]
        )

        for _ in range(2):
            counts.add_acknowledgement(FIRST, "es", "user#ines")

        assert counts.coverage("a1").acknowledged == 1

    def test_days(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        for _ in range(3):
            counts.add_to_day(NOW)

        assert (counts.on_day(NOW), counts.on_day(NOW + DAY)) == (3, 0)


class TestIdempotencyKeys:
    def test_a_key_belongs_to_one_author_for_a_day(self, table: Table) -> None:
        keys = IdempotencyKeys(table)
        other = replace(FIRST, announcement_id="a2", message="Other", translations={})

        assert keys.claim("olga", "k", FIRST) is None
        assert keys.claim("olga", "k", other) == FIRST
        assert keys.claim("oscar", "k", other) is None
        assert keys.claim("olga", "k2", other) is None
        assert keys.claim("olga", "k", replace(other, created_at=NOW + DAY)) is None

    def test_author_and_key_are_kept_apart(self, table: Table) -> None:
        keys = IdempotencyKeys(table)

        assert keys.claim("a#b", "c", FIRST) is None
        assert keys.claim("a", "b#c", FIRST) is None
