"""Any order of what interpreters do and suffer, some of it in the middle of something else: one is
heard at most, epochs only grow, and whoever is next is next.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.models.session import Channel
from tests.helpers.database.interleaved import Interleaved
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World, new_world
from tests.unit.functions.booths import Theatre

PICK = st.integers(0, 99)
CALLS = st.integers(0, 8)


@dataclass
class Interpreter:
    """Somebody in a booth, on which connection; `beats` unless it hangs."""

    user: str
    source: str
    connection: str
    token: str
    beats: bool = True


class Booths(RuleBasedStateMachine):
    """One language of one session, and everybody who sits there for it."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        self.database = Interleaved(dynamodb())
        self.world.use_dynamodb(self.database)
        self.theatre = Theatre(self.world)
        self.present: list[Interpreter] = []
        #: Connections that have held the language and are not to be heard under that epoch.
        self.greatest_epoch = 0
        self.holder: str | None = None
        self._named = 0

    def teardown(self) -> None:
        self._opened.close()

    def picked(self, pick: int) -> Interpreter:
        return self.present[pick % len(self.present)]

    def channel(self) -> Channel:
        session = self.world.session(self.theatre.session_id)
        return session.channels.get("es") or Channel(epoch=0)

    def next_one(self) -> str | None:
        """Who the ladder has next, by the rule as the protocol has it."""
        now = self.world.clock.now_ms()
        alive = [
            (waits.source == "machine", waits.since, connection)
            for connection, waits in self.channel().standbys.items()
            if waits.lease_until >= now
        ]
        return min(alive)[2] if alive else None

    def join(self, source: str, *, standby: bool, **more: Any) -> dict[str, Any]:
        self._named += 1
        user = more.pop("user", f"user{self._named}")
        connection = self.world.connect(user, "interpreters")
        reply = self.theatre.join(connection, source=source, standby=standby, **more)
        if reply["type"] == "sessionJoined":
            self.present.append(Interpreter(user, source, connection, reply["resumeToken"]))
        return reply

    @rule(source=st.sampled_from(["human", "machine"]), standby=st.booleans())
    def joins(self, source: str, standby: bool) -> None:
        before, now = self.channel(), self.world.clock.now_ms()
        held = before.connection_id is not None and before.lease_until >= now
        reply = self.join(source, standby=standby)
        if held and not standby:
            assert reply["code"] == "LANGUAGE_TAKEN"
        elif held:
            assert reply.get("code") == "LANGUAGE_TAKEN" or not reply["lease"]["holds"]

    @rule(milliseconds=st.sampled_from([200, 1_000, 2_600]))
    def time_passes(self, milliseconds: int) -> None:
        lively = [each.connection for each in self.present if each.beats]
        self.theatre.pass_time(milliseconds, *lively)

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def hangs_or_wakes_up(self, pick: int) -> None:
        each = self.picked(pick)
        each.beats = not each.beats

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def beats(self, pick: int) -> None:
        each = self.picked(pick)
        lease = self.theatre.beat(each.connection).get("lease")
        channel = self.channel()
        if lease is None:
            assert len(channel.standbys) >= 8
        else:
            assert lease["holds"] == (channel.connection_id == each.connection)

    @rule()
    def the_floor_speaks(self) -> None:
        before, expected = self.channel(), self.next_one()
        lost = before.connection_id is not None and before.lease_until < self.world.clock.now_ms()
        self.theatre.floor_speaks()
        assert self.channel().connection_id == (expected if lost else before.connection_id)

    @precondition(lambda self: self.present)
    @rule(pick=PICK, leaves=st.booleans())
    def goes(self, pick: int, leaves: bool) -> None:
        each = self.picked(pick)
        before, expected = self.channel(), self.next_one()
        self.present.remove(each)
        if leaves:
            assert self.world.ask(each.connection, "leaveSession")["type"] == "sessionLeft"
        else:
            self.world.disconnect(each.connection)
        held = before.connection_id == each.connection
        assert self.channel().connection_id == (expected if held else before.connection_id)

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def takes_over(self, pick: int) -> None:
        each, before = self.picked(pick), self.channel()
        alive = before.lease_until >= self.world.clock.now_ms()
        reply = self.world.ask(each.connection, "takeOver")
        if reply["type"] == "interpreterLease":
            assert self.channel().connection_id == each.connection
            if alive and before.connection_id not in {None, each.connection}:
                assert before.connection_id in self.channel().standbys
        elif reply["code"] == "FORBIDDEN":
            assert (each.source, self.channel().source) == ("machine", "human")
        else:
            assert len(before.standbys) >= 8

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def hands_over(self, pick: int) -> None:
        each, before, expected = self.picked(pick), self.channel(), self.next_one()
        reply = self.world.ask(each.connection, "handOver")
        if before.connection_id != each.connection:
            assert reply["code"] == "FORBIDDEN"
        elif expected is None:
            assert reply["code"] == "NO_STANDBY"
        else:
            assert self.channel().connection_id == expected
            assert each.connection in self.channel().standbys

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def rolls_over(self, pick: int) -> None:
        each, before = self.picked(pick), self.channel()
        reply = self.join(each.source, standby=True, user=each.user, resumeToken=each.token)
        if not reply.get("resumed"):
            return  # it had no place that could pass on
        self.present.remove(each)
        moved = self.present[-1].connection
        after = self.channel()
        if before.connection_id == each.connection:
            assert (after.connection_id, after.epoch) == (moved, before.epoch + 1)
            self.holder = moved
        else:
            assert after.standbys[moved].since == before.standbys[each.connection].since
        self.world.disconnect(each.connection)
        assert self.channel().connection_id == after.connection_id

    @precondition(lambda self: len(self.present) > 1)
    @rule(
        first=PICK,
        second=PICK,
        what=st.sampled_from(["takeOver", "handOver", "heartbeat"]),
        meanwhile=st.sampled_from(["takeOver", "handOver", "heartbeat", "floor", "sendAudio"]),
        calls=CALLS,
    )
    def one_in_the_middle_of_another(
        self, first: int, second: int, what: str, meanwhile: str, calls: int
    ) -> None:
        other = self.picked(second).connection
        happening: Callable[[], object]
        if meanwhile == "floor":
            happening = self.theatre.floor_speaks
        elif meanwhile == "sendAudio":
            happening = lambda: self.theatre.speaks(other)  # noqa: E731
        else:
            happening = lambda: self.world.ask(other, meanwhile)  # noqa: E731
        self.database.interrupt(happening, after=calls)
        self.world.ask(self.picked(first).connection, what)
        self.database.cancel()

    @rule()
    def everybody_speaks(self) -> None:
        """Only who holds the language is heard, under its epoch."""
        channel = self.channel()
        refused = set()
        for each in self.present:
            self.world.sender.posts.clear()
            self.theatre.speaks(each.connection)
            # Who speaks faster than time passes is told so as well.
            errors = self.world.pushes(each.connection, "error")
            if any(error["code"] == "FORBIDDEN" for error in errors):
                refused.add(each.connection)
            elif not errors:
                assert self.theatre.heard() == [("es", channel.epoch)]
        assert refused == {each.connection for each in self.present} - {channel.connection_id}

    @invariant()
    def one_holds_and_epochs_grow(self) -> None:
        channel = self.channel()
        assert channel.connection_id not in channel.standbys
        assert channel.epoch >= self.greatest_epoch
        if channel.connection_id not in {None, self.holder}:
            assert channel.epoch > self.greatest_epoch
        self.greatest_epoch, self.holder = channel.epoch, channel.connection_id or self.holder

    @invariant()
    def not_too_many_wait_and_all_of_them_sit_there(self) -> None:
        channel = self.channel()
        seated = {each.connection for each in self.present}
        assert len(channel.standbys) <= 9
        assert {channel.connection_id} - {None} <= seated
        assert set(channel.standbys) <= seated


TestBooths = Booths.TestCase
TestBooths.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
