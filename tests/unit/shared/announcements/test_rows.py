"""The rows of announcements, over moto."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.announcements.acknowledgement_store import AcknowledgementStore
from shared.announcements.active_announcements import ActiveAnnouncements
from shared.announcements.announcement import AnnouncementRecord
from shared.announcements.delivery_counts import DeliveryCounts
from shared.announcements.idempotency_keys import IdempotencyKeys
from shared.announcements.items import COUNT_SHARDS, count_key, shard_of
from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import Table
from shared.models import schema
from tests.helpers.database.interleaved import Interleaved
from tests.helpers.database.memory_dynamodb import MemoryDynamoDB
from tests.helpers.database.tables import ANNOUNCEMENTS, dynamodb, moto_tables

NOW = 1_700_000_000_000
DAY = 24 * 3600 * 1000
SESSION = "golden-eagle-427"
FIRST = AnnouncementRecord("a1", None, "Pause", "alert", NOW, {"es": "Pausa"})


class _Silent(MemoryDynamoDB):
    """Tells with a refusal nothing of the row, as on a laptop, and lets nobody read a single one,
    as the functions that count.
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
def last(table: Table) -> ActiveAnnouncements:
    return ActiveAnnouncements(table)


class TestLast:
    def test_what_is_written_is_read(self, last: ActiveAnnouncements) -> None:
        in_session = replace(FIRST, announcement_id="a2", session_id=SESSION, created_at=NOW + 1)

        assert last.read([None, SESSION], NOW) == []
        assert last.activate(FIRST) == FIRST
        assert last.activate(in_session) == in_session

        assert last.read([None, SESSION], NOW) == [FIRST, in_session]
        assert last.read([SESSION], NOW) == [in_session]

    def test_the_time_of_a_scope_never_falls(self, last: ActiveAnnouncements) -> None:
        last.activate(FIRST)
        behind = replace(FIRST, announcement_id="a2", created_at=NOW - 9000)

        assert last.activate(behind) == replace(behind, created_at=NOW + 1)
        last.clear(None)
        again = replace(FIRST, announcement_id="a3", created_at=NOW - 9000)
        assert last.activate(again) == replace(again, created_at=NOW + 2)

    def test_one_that_is_there_is_not_activated_again(self, last: ActiveAnnouncements) -> None:
        last.activate(FIRST)

        assert last.activate(FIRST) is None
        assert last.resume(FIRST) is None

    def test_what_was_begun_is_resumed_unless_a_later_one_came(
        self, last: ActiveAnnouncements
    ) -> None:
        assert last.resume(FIRST) == FIRST
        later = replace(FIRST, announcement_id="a2", created_at=NOW + 5)
        last.activate(later)

        assert last.resume(replace(FIRST, announcement_id="a3", created_at=NOW + 4)) is None
        assert last.read([None], NOW) == [later]

    def test_clearing_leaves_no_text_and_works_once(self, last: ActiveAnnouncements) -> None:
        assert last.clear(None) is None
        last.activate(FIRST)

        assert last.clear(None) == replace(FIRST, cleared=True)
        assert last.clear(None) is None
        (left,) = last.read([None], NOW)
        assert left == replace(FIRST, cleared=True, message="", translations={})

    def test_who_has_been_told_is_noted_of_that_news_alone(self, last: ActiveAnnouncements) -> None:
        last.activate(FIRST)
        last.note_told(FIRST)
        assert last.read([None], NOW) == [replace(FIRST, told=True)]

        cleared = last.clear(None)
        assert cleared is not None
        last.note_told(FIRST)  # late: it says nothing of the clear
        assert not last.read([None], NOW)[0].told
        last.note_told(cleared)
        assert last.read([None], NOW)[0].told

        second = replace(FIRST, announcement_id="a2", created_at=NOW + 1)
        last.activate(second)
        last.note_told(cleared)
        assert not last.read([None], NOW)[0].told

    @pytest.mark.parametrize(("session_id", "days"), [(None, 30), (SESSION, 7)])
    def test_it_is_over_though_the_row_may_still_be_there(
        self, last: ActiveAnnouncements, session_id: str | None, days: int
    ) -> None:
        last.activate(replace(FIRST, session_id=session_id))

        assert last.read([session_id], NOW + days * DAY - 1)
        assert not last.read([session_id], NOW + days * DAY)

    def test_of_announcers_at_once_each_gets_a_time_of_its_own(self, table: Table) -> None:
        client: Any = Interleaved(dynamodb())
        late = ActiveAnnouncements(Table(client, ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY))
        others = ActiveAnnouncements(table)
        others.activate(FIRST)
        second = replace(FIRST, announcement_id="a2")
        third = replace(FIRST, announcement_id="a3")
        # Between reading the present one and writing after it.
        client.interrupt(lambda: others.activate(second), after=2)

        assert late.activate(third) == replace(third, created_at=NOW + 2)

    def test_a_damaged_row_is_a_table_out_of_reach(
        self, table: Table, last: ActiveAnnouncements
    ) -> None:
        table.put({schema.ANNOUNCEMENT_KEY: "scope#all", schema.EXPIRES_AT: NOW})

        with pytest.raises(StoreUnavailableError):
            last.read([None], NOW)


class TestAcknowledgements:
    def test_each_reader_for_each_announcement(self, table: Table) -> None:
        acknowledgements = AcknowledgementStore(table)
        second = replace(FIRST, announcement_id="a2")

        assert acknowledgements.put(FIRST, "user#rita") is True
        assert acknowledgements.put(FIRST, "user#rita") is False
        assert acknowledgements.put(second, "client#rita") is True

        assert acknowledgements.of("user#rita", [FIRST, second]) == {"a1"}
        assert acknowledgements.of("client#rita", [FIRST, second]) == {"a2"}
        assert acknowledgements.of("user#otto", [FIRST, second]) == set()


class TestCounts:
    def test_nothing_yet(self, table: Table) -> None:
        coverage = DeliveryCounts(table).coverage("a1")

        assert (coverage.delivered, coverage.acknowledged, coverage.languages) == (0, 0, {})

    def test_sums_by_language_over_all_shards(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        readers = [f"user#{number}" for number in range(40)]
        counts.delivered(FIRST, {"es": 30, "de": 10, "fr": 0})
        counts.delivered(FIRST, {"es": 1}, "user#late")
        for reader in readers:
            counts.acknowledged(FIRST, "es", reader)

        coverage = counts.coverage("a1")

        assert (coverage.delivered, coverage.acknowledged) == (41, 40)
        assert {
            language: (each.delivered, each.acknowledged)
            for language, each in coverage.languages.items()
        } == {"de": (10, 0), "es": (31, 40)}
        assert len({shard_of(reader) for reader in readers}) == COUNT_SHARDS
        assert table.get(count_key("a1", shard_of(readers[0]))) is not None

    def test_more_languages_than_an_expression_takes(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        by_language = {f"{number:03d}": number for number in range(1, 451)}

        counts.delivered(FIRST, by_language)

        assert counts.coverage("a1").delivered == sum(by_language.values())

    def test_vandals_cannot_make_a_row_grow_without_end(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        counts.delivered(FIRST, {"es": 1}, "client#vandal")

        shard = shard_of("client#vandal")
        ids = (f"client#vandal-{number}" for number in itertools.count())
        # Clients that call themselves what leads to the same row.
        vandals = list(itertools.islice((one for one in ids if shard_of(one) == shard), 150))
        for number, vandal in enumerate(vandals):
            counts.delivered(FIRST, {f"en-x-{number}": 1}, vandal)
            counts.acknowledged(FIRST, f"de-x-{number}", vandal)
        counts.acknowledged(FIRST, "es", "client#vandal")

        coverage = counts.coverage("a1")
        row = table.get(count_key("a1", shard))
        assert row is not None
        assert len(row) <= 2 * 101 + 3
        assert (coverage.delivered, coverage.acknowledged) == (151, 151)
        assert (coverage.languages["es"].delivered, coverage.languages["es"].acknowledged) == (1, 1)
        assert coverage.languages["unknown"].delivered > 50

    def test_an_acknowledgement_counts_once_though_the_row_cannot_be_read(self) -> None:
        counts = DeliveryCounts(
            Table(_Silent(), ANNOUNCEMENTS, schema.ANNOUNCEMENT_KEY)  # type: ignore[arg-type]
        )

        for _ in range(2):
            counts.acknowledged(FIRST, "es", "user#ines")

        assert counts.coverage("a1").acknowledged == 1

    def test_days(self, table: Table) -> None:
        counts = DeliveryCounts(table)
        for _ in range(3):
            counts.count_today(NOW)

        assert (counts.today(NOW), counts.today(NOW + DAY)) == (3, 0)


class TestOnce:
    def test_a_key_is_one_authors_for_a_day(self, table: Table) -> None:
        once = IdempotencyKeys(table)
        other = replace(FIRST, announcement_id="a2", message="Other", translations={})

        assert once.claim("olga", "k", FIRST) is None
        assert once.claim("olga", "k", other) == FIRST
        assert once.claim("oscar", "k", other) is None
        assert once.claim("olga", "k2", other) is None
        assert once.claim("olga", "k", replace(other, created_at=NOW + DAY)) is None

    def test_names_and_keys_do_not_run_together(self, table: Table) -> None:
        once = IdempotencyKeys(table)

        assert once.claim("a#b", "c", FIRST) is None
        assert once.claim("a", "b#c", FIRST) is None
