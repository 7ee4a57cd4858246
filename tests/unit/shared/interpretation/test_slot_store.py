"""So many sessions are interpreted by machine at a time, whatever is lost, repeated or raced."""

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
from tests.helpers.database.lossy import Fault, Lossy
from tests.helpers.database.tables import SESSIONS, dynamodb, moto_tables, sessions_repository
from tests.helpers.depth import examples

T0 = 1_700_000_000_000
with_tables = pytest.mark.usefixtures("tables")
WEEK_MS = 7 * 24 * 3_600_000


def slots(count: int = 2) -> SlotStore:
    return SlotStore(Table(dynamodb(), SESSIONS, schema.SESSION_ID), count)


@pytest.fixture
def tables() -> Iterator[None]:
    with moto_tables():
        yield


def write(session_id: str, now_ms: int = T0) -> None:
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


def opened(session_id: str, now_ms: int = T0) -> bool:
    if not slots().take(session_id, now_ms):
        return False
    write(session_id, now_ms)
    return True


@with_tables
def test_as_many_sessions_as_there_are_slots() -> None:
    assert [opened(f"golden-eagle-00{number}") for number in range(3)] == [True, True, False]


@with_tables
def test_a_session_that_is_over_leaves_its_slot_to_the_next() -> None:
    opened("golden-eagle-001")
    opened("golden-eagle-002")
    sessions_repository().end("golden-eagle-001", "c1", T0 + 1)

    assert opened("golden-eagle-003", T0 + 2)
    assert not opened("golden-eagle-004", T0 + 3)


@with_tables
def test_a_session_whose_end_was_lost_leaves_it_when_its_row_has_expired() -> None:
    opened("golden-eagle-001")
    opened("golden-eagle-002")

    assert not opened("golden-eagle-003", T0 + WEEK_MS - 1_000)
    assert opened("golden-eagle-003", T0 + WEEK_MS)


@with_tables
def test_a_session_that_was_never_written_leaves_it_after_a_minute() -> None:
    opened("golden-eagle-001")
    assert slots().take("golden-eagle-002", T0)

    assert not opened("golden-eagle-003", T0 + 59_999)
    assert opened("golden-eagle-003", T0 + 60_000)


@with_tables
def test_a_slot_can_be_given_back_before_that() -> None:
    opened("golden-eagle-001")
    slots().take("golden-eagle-002", T0)
    slots().undo_replace("golden-eagle-002")
    slots().undo_replace("golden-eagle-009")

    assert opened("golden-eagle-003")
    assert not opened("golden-eagle-004")


@with_tables
def test_fewer_slots_than_before_let_in_nobody_until_enough_are_over() -> None:
    for number in range(2):
        opened(f"golden-eagle-00{number}")

    assert not slots(1).take("golden-eagle-003", T0)
    assert slots(3).take("golden-eagle-003", T0)


class Meddled(Table):
    """Somebody else takes the slot between the reading and the writing, the first few times."""

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
def test_of_two_who_want_the_same_slot_one_gets_the_next(rivals: int, gets_one: bool) -> None:
    assert SlotStore(Meddled(rivals), 2).take("golden-eagle-001", T0) is gets_one


@with_tables
@pytest.mark.parametrize("fault", [Fault.UNANSWERED, Fault.TWICE])
@pytest.mark.parametrize("over", [False, True])
def test_a_slot_whose_answer_is_lost_is_taken_once(fault: Fault, over: bool) -> None:
    if over:
        opened("golden-eagle-001")
        opened("golden-eagle-002")
        sessions_repository().end("golden-eagle-001", "c1", T0)
    lossy = Lossy(dynamodb())
    lossy.plan(fault, 0, writes=True)
    table = Table(lossy, SESSIONS, schema.SESSION_ID)  # type: ignore[arg-type]

    assert SlotStore(table, 2).take("golden-eagle-003", T0)
    write("golden-eagle-003")
    assert [opened(f"golden-eagle-00{number}") for number in (4, 5)] == [not over, False]


class Machines(RuleBasedStateMachine):
    """Sessions come and go, some of them half way, while time passes: never more than slots."""

    def __init__(self) -> None:
        super().__init__()
        self._tables = moto_tables()
        self._tables.__enter__()
        self._now = T0
        self._made = 0
        self._active: set[str] = set()
        self._unwritten: dict[str, int] = {}

    def teardown(self) -> None:
        self._tables.__exit__(None, None, None)

    @rule(written=st.booleans())
    def open(self, written: bool) -> None:
        self._made += 1
        session_id = f"golden-eagle-{self._made:03}"
        held = len(self._active) + sum(
            taken > self._now - 60_000 for taken in self._unwritten.values()
        )
        assert slots(3).take(session_id, self._now) == (held < 3)
        if held >= 3:
            return
        if written:
            write(session_id, self._now)
            self._active.add(session_id)
        else:
            self._unwritten[session_id] = self._now

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


TestMachines = Machines.TestCase
TestMachines.settings = settings(
    max_examples=examples(default=12, deep=100), stateful_step_count=12, deadline=None
)
