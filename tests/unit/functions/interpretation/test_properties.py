"""Properties of succession under random events, some of them interleaved.

At most one interpreter is heard, epochs only increase, and the right stand-by succeeds.
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
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World, new_world
from tests.unit.functions.interpretation.interpreted_session import InterpretedSession

PICK = st.integers(0, 99)
CALLS = st.integers(0, 8)


@dataclass
class Interpreter:
    """An interpreter or stand-by; sends heartbeats if `alive`."""

    user: str
    source: str
    connection: str
    token: str
    alive: bool = True


class Interpreters(RuleBasedStateMachine):
    """The interpreter and stand-bys of one language of a session."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        self.database = InterruptibleClient(dynamodb())
        self.world.use_dynamodb(self.database)
        self.session = InterpretedSession(self.world)
        self.present: list[Interpreter] = []
        self.last_epoch = 0
        self.holder: str | None = None
        self._users = 0

    def teardown(self) -> None:
        self._opened.close()

    def picked(self, pick: int) -> Interpreter:
        return self.present[pick % len(self.present)]

    def channel(self) -> Channel:
        return self.session.channel() or Channel(epoch=0)

    def successor(self) -> str | None:
        """The stand-by that succeeds next, by the rule in the protocol."""
        now = self.world.clock.now_ms()
        alive = [
            (standby.source == "machine", standby.since, connection)
            for connection, standby in self.channel().standbys.items()
            if standby.lease_until >= now
        ]
        return min(alive)[2] if alive else None

    def join(self, source: str, *, standby: bool, **more: Any) -> dict[str, Any]:
        self._users += 1
        user = more.pop("user", f"user{self._users}")
        connection = self.world.connect(user, "interpreters")
        reply = self.session.join(connection, source=source, standby=standby, **more)
        if reply["type"] == "sessionJoined":
            self.present.append(Interpreter(user, source, connection, reply["resumeToken"]))
        return reply

    @rule(source=st.sampled_from(["human", "machine"]), standby=st.booleans())
    def join_somebody(self, source: str, standby: bool) -> None:
        before, now = self.channel(), self.world.clock.now_ms()
        held = before.connection_id is not None and before.lease_until >= now
        reply = self.join(source, standby=standby)
        if held and not standby:
            assert reply["code"] == "LANGUAGE_TAKEN"
        elif held:
            assert reply.get("code") == "LANGUAGE_TAKEN" or not reply["lease"]["holds"]

    @rule(milliseconds=st.sampled_from([200, 1_000, 2_600]))
    def advance(self, milliseconds: int) -> None:
        alive = [each.connection for each in self.present if each.alive]
        self.session.pass_time(milliseconds, *alive)

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def hang_or_wake_up(self, pick: int) -> None:
        each = self.picked(pick)
        each.alive = not each.alive

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def heartbeat(self, pick: int) -> None:
        each = self.picked(pick)
        lease = self.session.heartbeat(each.connection).get("lease")
        channel = self.channel()
        if lease is None:
            assert len(channel.standbys) >= 8
        else:
            assert lease["holds"] == (channel.connection_id == each.connection)

    @rule()
    def send_floor_chunk(self) -> None:
        before, expected = self.channel(), self.successor()
        lost = before.connection_id is not None and before.lease_until < self.world.clock.now_ms()
        self.session.send_floor_chunk()
        assert self.channel().connection_id == (expected if lost else before.connection_id)

    @precondition(lambda self: self.present)
    @rule(pick=PICK, by_request=st.booleans())
    def leave(self, pick: int, by_request: bool) -> None:
        each = self.picked(pick)
        before, expected = self.channel(), self.successor()
        self.present.remove(each)
        if by_request:
            assert self.world.ask(each.connection, "leaveSession")["type"] == "sessionLeft"
        else:
            self.world.disconnect(each.connection)
        held = before.connection_id == each.connection
        assert self.channel().connection_id == (expected if held else before.connection_id)

    @precondition(lambda self: self.present)
    @rule(pick=PICK)
    def take_over(self, pick: int) -> None:
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
    def hand_over(self, pick: int) -> None:
        each, before, expected = self.picked(pick), self.channel(), self.successor()
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
    def roll_over(self, pick: int) -> None:
        each, before = self.picked(pick), self.channel()
        reply = self.join(each.source, standby=True, user=each.user, resumeToken=each.token)
        if not reply.get("resumed"):
            return  # it had no place to take over
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
    def interleave(self, first: int, second: int, what: str, meanwhile: str, calls: int) -> None:
        other = self.picked(second).connection
        event: Callable[[], object]
        if meanwhile == "floor":
            event = self.session.send_floor_chunk
        elif meanwhile == "sendAudio":
            event = lambda: self.session.send_chunk(other)  # noqa: E731
        else:
            event = lambda: self.world.ask(other, meanwhile)  # noqa: E731
        self.database.interrupt(event, after=calls)
        self.world.ask(self.picked(first).connection, what)
        self.database.cancel()

    @rule()
    def send_chunks(self) -> None:
        """Only the holder of the language is heard, with its epoch."""
        channel = self.channel()
        refused = set()
        for each in self.present:
            self.world.sender.posts.clear()
            self.session.send_chunk(each.connection)
            # Errors about the pace of audio are ignored.
            errors = self.world.pushes(each.connection, "error")
            if any(error["code"] == "FORBIDDEN" for error in errors):
                refused.add(each.connection)
            elif not errors:
                assert self.session.received_chunks() == [("es", channel.epoch)]
        assert refused == {each.connection for each in self.present} - {channel.connection_id}

    @invariant()
    def at_most_one_holder_and_increasing_epochs(self) -> None:
        channel = self.channel()
        assert channel.connection_id not in channel.standbys
        assert channel.epoch >= self.last_epoch
        if channel.connection_id not in {None, self.holder}:
            assert channel.epoch > self.last_epoch
        self.last_epoch, self.holder = channel.epoch, channel.connection_id or self.holder

    @invariant()
    def standbys_are_limited_and_seated(self) -> None:
        channel = self.channel()
        seated = {each.connection for each in self.present}
        assert len(channel.standbys) <= 9
        assert {channel.connection_id} - {None} <= seated
        assert set(channel.standbys) <= seated


TestInterpreters = Interpreters.TestCase
TestInterpreters.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
