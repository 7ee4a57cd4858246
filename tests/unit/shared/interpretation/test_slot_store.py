"""Slots limit machine-interpreted sessions under loss, duplication and races."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.data_access.table import Table
from shared.interpretation.slot_store import SlotStore
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import Interpretation
from shared.models.session import Session
from tests.helpers.database.tables import SESSIONS, dynamodb, moto_tables, sessions_repository
from tests.helpers.depth import examples
from tests.helpers.lossy.faults import Fault, LossyClient

T0 = 1_700_000_000_000
with_tables = pytest.mark.usefixtures("tables")
WEEK_MS = 7 * 24 * 3_600_000


def slots(count: int = 2) -> SlotStore:
    return SlotStore(Table(dynamodb(), SESSIONS, schema.SESSION_ID), count)


@pytest.fixture
def tables() -> Iterator[None]:
    with moto_tables():
        yield


def create(session_id: str, now_ms: int = T0) -> None:
    assert sessions_repository().create(
        Session(
            session_id=session_id,
            owner="alice",
            speaker_connection_id="c1",
            speaker_epoch=1,
            source_language="en",
            quality_tier="standard",
            audio_format=AudioFormat(),
            created_at=now_ms,
            max_listeners=10,
            interpretation=Interpretation(engine="aws", languages=("es",)),
        )
    )


def take_and_create(session_id: str, now_ms: int = T0) -> bool:
    if not slots().take(session_id, now_ms):
        return False
    create(session_id, now_ms)
    return True


@with_tables
def test_one_session_per_slot() -> None:
    assert [take_and_create(f"golden-eagle-00{number}") for number in range(3)] == [
        True,
        True,
        False,
    ]


@with_tables
def test_an_ended_session_frees_its_slot() -> None:
    take_and_create("golden-eagle-001")
    take_and_create("golden-eagle-002")
    sessions_repository().end("golden-eagle-001", "c1", T0 + 1)

    assert take_and_create("golden-eagle-003", T0 + 2)
    assert not take_and_create("golden-eagle-004", T0 + 3)


@with_tables
def test_an_expired_session_frees_its_slot() -> None:
    take_and_create("golden-eagle-001")
    take_and_create("golden-eagle-002")

    assert not take_and_create("golden-eagle-003", T0 + WEEK_MS - 1_000)
    assert take_and_create("golden-eagle-003", T0 + WEEK_MS)


@with_tables
def test_a_session_that_was_never_created_frees_its_slot_after_a_minute() -> None:
    take_and_create("golden-eagle-001")
    assert slots().take("golden-eagle-002", T0)

    assert not take_and_create("golden-eagle-003", T0 + 59_999)
    assert take_and_create("golden-eagle-003", T0 + 60_000)


@with_tables
def test_a_slot_can_be_returned_earlier() -> None:
    take_and_create("golden-eagle-001")
    slots().take("golden-eagle-002", T0)
    slots().undo_replace("golden-eagle-002")
    slots().undo_replace("golden-eagle-009")

    assert take_and_create("golden-eagle-003")
    assert not take_and_create("golden-eagle-004")


@with_tables
def test_the_number_of_slots_may_change() -> None:
    for number in range(2):
        take_and_create(f"golden-eagle-00{number}")

    assert not slots(1).take("golden-eagle-003", T0)
    assert slots(3).take("golden-eagle-003", T0)


class RacedTable(Table):
    """Table on which another session takes the slot before the first few writes."""

    def __init__(self, times: int) -> None:
        super().__init__(dynamodb(), SESSIONS, schema.SESSION_ID)
        self._times = times

    def put_new(self, item):  # type: ignore[no-untyped-def]
        if self._times:
            self._times -= 1
            super().put_new({**item, "holder": f"other-session-{self._times}"})
        super().put_new(item)


@pytest.mark.parametrize(("rivals", "gets_one"), [(1, True), (2, False)])
@with_tables
def test_the_loser_of_a_race_gets_the_next_slot_if_free(rivals: int, gets_one: bool) -> None:
    assert SlotStore(RacedTable(rivals), 2).take("golden-eagle-001", T0) is gets_one


@with_tables
@pytest.mark.parametrize("fault", [Fault.RESPONSE_LOST, Fault.APPLIED_TWICE])
@pytest.mark.parametrize("over", [False, True])
def test_a_slot_is_taken_once_if_the_answer_is_lost(fault: Fault, over: bool) -> None:
    if over:
        take_and_create("golden-eagle-001")
        take_and_create("golden-eagle-002")
        sessions_repository().end("golden-eagle-001", "c1", T0)
    lossy = LossyClient(dynamodb())
    lossy.plan(fault, 0, writes=True)
    table = Table(lossy, SESSIONS, schema.SESSION_ID)  # type: ignore[arg-type]

    assert SlotStore(table, 2).take("golden-eagle-003", T0)
    create("golden-eagle-003")
    assert [take_and_create(f"golden-eagle-00{number}") for number in (4, 5)] == [not over, False]


class Slots(RuleBasedStateMachine):
    """Sessions start and end, some without being created, and never exceed the slots."""

    def __init__(self) -> None:
        super().__init__()
        self._tables = moto_tables()
        self._tables.__enter__()
        self._now = T0
        self._made = 0
        self._active: set[str] = set()
        self._uncreated: dict[str, int] = {}

    def teardown(self) -> None:
        self._tables.__exit__(None, None, None)

    @rule(created=st.booleans())
    def open(self, created: bool) -> None:
        self._made += 1
        session_id = f"golden-eagle-{self._made:03}"
        held = len(self._active) + sum(
            taken > self._now - 60_000 for taken in self._uncreated.values()
        )
        assert slots(3).take(session_id, self._now) == (held < 3)
        if held >= 3:
            return
        if created:
            create(session_id, self._now)
            self._active.add(session_id)
        else:
            self._uncreated[session_id] = self._now

    @precondition(lambda self: self._active)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        session_id = data.draw(st.sampled_from(sorted(self._active)))
        sessions_repository().end(session_id, "c1", self._now)
        self._active.discard(session_id)

    @rule(seconds=st.sampled_from([1, 30, 60]))
    def wait(self, seconds: int) -> None:
        self._now += seconds * 1000

    @invariant()
    def never_more_than_slots(self) -> None:
        assert len(self._active) <= 3


TestSlots = Slots.TestCase
TestSlots.settings = settings(
    max_examples=examples(default=12, deep=100), stateful_step_count=12, deadline=None
)
