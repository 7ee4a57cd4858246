"""Listener counts by language, with joins, moves and leaves whose writes interleave.

The model is a counter. However the writes of several requests overlap, the counts are right, the
number of languages in use stays within the limit, and none is refused while there is room.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.table import Table
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.session import Session
from shared.models.succession_rules import acquire
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import SESSIONS, dynamodb, interpreter_channels, moto_tables
from tests.helpers.depth import examples

ID = "golden-eagle-427"
NOW = 1_700_000_000_000
MOST = 3
CODES = st.sampled_from(["en", "es", "fr", "de", "it", "ja", "ko"])
# Maximum calls of one count: try, read and make room, four times.
CALLS = 12


class Languages(RuleBasedStateMachine):
    """Listeners of one session, by language."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self._open.enter_context(moto_tables())
        self.database = InterruptibleClient(dynamodb())
        table = Table(self.database, SESSIONS, schema.SESSION_ID)  # type: ignore[arg-type]
        self.sessions = SessionsRepository(table, most_languages=MOST)
        self.sessions.create(
            Session(
                session_id=ID,
                owner="alice",
                speaker_connection_id="c1",
                speaker_epoch=1,
                source_language="en",
                quality_tier="standard",
                audio_format=AudioFormat(),
                created_at=NOW,
                max_listeners=1_000,
            )
        )
        self.listening: Counter[str] = Counter()
        self.always_open = {"en"}

    def comes(self, language: str) -> bool:
        counted = self.sessions.count_in(ID, language) is not None
        self.listening[language] += counted
        return counted

    def moves(self, old: str, new: str) -> bool:
        counted = old != new and self.sessions.count_moved(ID, old, new)
        if counted:
            self.listening[old] -= 1
            self.listening[new] += 1
        return counted

    def goes(self, language: str) -> None:
        if self.listening[language] > 0:
            self.listening[language] -= 1
            assert self.sessions.count_out(ID, language)

    def in_use(self) -> set[str]:
        return set(+self.listening)

    @rule(language=CODES)
    def one_comes(self, language: str) -> None:
        room = len(self.in_use()) < MOST
        entitled = language in self.in_use() | self.always_open
        if not self.comes(language):
            assert not room
            assert not entitled

    @precondition(lambda self: self.in_use())
    @rule(data=st.data(), new=CODES)
    def one_moves(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.in_use())))
        room = len(self.in_use()) < MOST
        entitled = new in self.in_use() | self.always_open
        if old != new and not self.moves(old, new):
            assert not room
            assert not entitled

    @precondition(lambda self: self.in_use())
    @rule(data=st.data())
    def one_goes(self, data: st.DataObject) -> None:
        self.goes(data.draw(st.sampled_from(sorted(self.in_use()))))

    @rule(language=CODES)
    def one_interprets(self, language: str) -> None:
        if language not in self.always_open:
            channel = acquire(None, f"i-{language}", "human", NOW)
            assert interpreter_channels().change(ID, language, None, channel)
            self.always_open.add(language)

    @rule(
        data=st.data(),
        one=CODES,
        kind=st.sampled_from(["comes", "moves"]),
        other=CODES,
        meanwhile=st.sampled_from(["comes", "goes", "moves"]),
        after=st.integers(0, CALLS),
    )
    def two_at_once(
        self, *, data: st.DataObject, one: str, kind: str, other: str, meanwhile: str, after: int
    ) -> None:
        olds = sorted(self.in_use()) or ["en"]
        old, moving = data.draw(st.sampled_from(olds)), data.draw(st.sampled_from(olds))
        if self.listening[old] < 1 or self.listening[moving] < 1 or old == moving:
            return
        does = {
            "comes": lambda: self.comes(other),
            "goes": lambda: self.goes(moving),
            "moves": lambda: self.moves(moving, other),
        }[meanwhile]
        self.database.interrupt(does, after=after)
        self.comes(one) if kind == "comes" else self.moves(old, one)
        self.database.cancel()

    @invariant()
    def the_counters_are_the_listeners(self) -> None:
        session = self.sessions.get(ID)
        assert session is not None
        assert session.listener_count == self.listening.total()
        assert {k: v for k, v in session.language_counts.items() if v} == +self.listening

    @invariant()
    def no_more_are_in_use_than_may_be(self) -> None:
        assert len(self.in_use() - self.always_open) <= MOST

    def teardown(self) -> None:
        self._open.close()


TestLanguages = Languages.TestCase
TestLanguages.settings = settings(
    max_examples=examples(default=10, deep=100),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
