"""Any two things at once: one happens between two calls that another makes to the database.

So a roll-over meets a change of language or a farewell in any of its steps, a check of the counters
runs in the midst of a join, a function dies anywhere. As long as none dies, the counters equal the
seats after each step; when all has settled, they do in any case.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.helpers.clients import Message
from tests.helpers.database.interleaved import Interleaved
from tests.helpers.database.lossy import Fault, Lossy
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World, new_world

LANGUAGES = ("es", "fr", "de")
MOST = 6
# No request makes as many calls to the database.
CALLS = 9
KINDS = ("join", "change", "leave", "farewell", "newer's farewell", "roll over", "check")
# Too short for two checks to believe that a function has died between them.
SOON_MS = 30_000

Doing = Callable[[], object]


class FunctionDiedError(Exception):
    """In the midst of what it did."""


def die() -> None:
    raise FunctionDiedError


class Seats(RuleBasedStateMachine):
    """A session's listeners. Model: the connections that are open, with what they listen to."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        self.speaker, self.session_id = self.world.create_session()
        self.database = Interleaved(dynamodb())
        self.lossy = Lossy(self.database)
        self.world.use_dynamodb(self.lossy)
        self.model: dict[str, str | None] = {}
        self.tokens: dict[str, str] = {}
        #: Open, but another one has taken their seat.
        self.replaced: list[str] = []
        self.died = False

    # What may happen; each keeps the model by what the service answers

    def join(self, client: str, language: str, token: str | None = None) -> Message:
        fields = {} if token is None else {"resumeToken": token}
        reply = self.world.ask(
            client, "joinSession", sessionId=self.session_id, targetLanguage=language, **fields
        )
        if reply["type"] == "sessionJoined" and self.is_open(client):
            self.model[client] = reply["targetLanguage"]
            self.tokens[client] = reply["resumeToken"]
        return reply

    def change(self, client: str, language: str) -> None:
        reply = self.world.ask(client, "changeLanguage", targetLanguage=language)
        if reply["type"] == "languageChanged" and self.is_open(client):
            self.model[client] = reply["targetLanguage"]

    def leave(self, client: str) -> None:
        reply = self.world.ask(client, "leaveSession")
        if reply["type"] == "sessionLeft" and self.is_open(client):
            self.model[client] = None

    def farewell(self, client: str) -> None:
        self.world.sender.gone.add(client)
        self.model.pop(client, None)
        with suppress(FunctionDiedError):  # API Gateway does not repeat it
            self.world.disconnect(client)

    def farewells(self, *clients: str) -> None:
        for client in clients:
            self.farewell(client)

    def roll_over(self, older: str, newer: str, language: str) -> None:
        reply = self.join(newer, language, self.tokens.get(older, "secret.nobody"))
        if reply.get("resumed"):
            self.model.pop(older, None)
            if older not in self.replaced:
                self.replaced.append(older)

    def is_open(self, client: str) -> bool:
        """A reply to one that has gone meanwhile changes nothing."""
        return client not in self.world.sender.gone

    def check(self) -> None:
        self.world.reconcile()
        self.world.clock.advance(SOON_MS)
        # Who is open is not idle; who is going in this moment has no answer.
        for client in (self.speaker, *self.model):
            self.world.ask(client, "heartbeat")
        self.world.reconcile()

    # Rules

    @precondition(lambda self: len(self.model) < MOST)
    @rule(language=st.sampled_from(LANGUAGES))
    def arrives(self, language: str) -> None:
        client = self.connects()
        assert self.join(client, language)["type"] == "sessionJoined"

    @rule(
        data=st.data(),
        first=st.sampled_from(KINDS),
        second=st.sampled_from([*KINDS, "farewell", "check"]),
        after=st.integers(0, CALLS),
        same=st.sampled_from([True, True, False]),
    )
    def two_things_at_once(
        self, data: st.DataObject, first: str, second: str, after: int, *, same: bool
    ) -> None:
        one = self._draw(data, ())
        other = one if same else self._draw(data, one)
        outer, inner = self._doing(data, first, one), self._doing(data, second, other)
        self.database.interrupt(inner, after=after)
        outer()
        if self.database.cancel():
            inner()
        self._as_the_rows_say({*one, *other})
        # A check in the midst of a step may have found what is not so any more.
        self.world.reconcile()

    @rule(
        data=st.data(),
        kind=st.sampled_from(["join", "change", "leave", "farewell", "roll over"]),
        after=st.integers(0, CALLS),
    )
    def a_function_dies(self, data: st.DataObject, kind: str, after: int) -> None:
        clients = self._draw(data, ())
        self.database.interrupt(die, after=after)
        self._doing(data, kind, clients)()
        self.died |= not self.database.cancel()
        self._as_the_rows_say(set(clients))

    @rule(
        data=st.data(),
        kind=st.sampled_from(["join", "change", "leave", "farewell", "roll over"]),
        fault=st.sampled_from(Fault),
        position=st.integers(0, CALLS),
        times=st.sampled_from([1, 1, 2, 3]),
    )
    def a_call_is_lost(
        self, data: st.DataObject, kind: str, fault: Fault, position: int, times: int
    ) -> None:
        """The client repeats what it asks for; API Gateway does not repeat a farewell."""
        clients = self._draw(data, ())
        doing = self._doing(data, kind, clients)
        self.lossy.plan(fault, position, times=times)
        doing()
        self.died |= self.lossy.over() and kind == "farewell"
        if kind != "farewell":
            doing()
        self._as_the_rows_say(set(clients))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def vanishes(self, data: st.DataObject) -> None:
        """Its $disconnect is lost."""
        client = data.draw(st.sampled_from(sorted(self.model)))
        self.world.sender.gone.add(client)
        del self.model[client]

    @precondition(lambda self: self.replaced)
    @rule(data=st.data(), times=st.integers(0, 2))
    def a_replaced_one_goes(self, data: st.DataObject, times: int) -> None:
        """It wants this and that, and closes; $disconnect comes twice, or never."""
        client = data.draw(st.sampled_from(self.replaced))
        for action in ("leaveSession", "changeLanguage"):
            reply = self.world.ask(client, action, targetLanguage="fr")
            assert reply["code"] == "CONNECTION_NOT_FOUND"
        self.replaced.remove(client)
        self.world.sender.gone.add(client)
        for _ in range(times):
            self.world.disconnect(client)

    @rule(seconds=st.sampled_from([10, 60]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds * 1000)
        for client in (self.speaker, *self.model):
            assert self.world.ask(client, "heartbeat")["type"] == "heartbeatAck"

    @rule(lost=st.booleans())
    def sweeps(self, *, lost: bool) -> None:
        self.world.clean_ups.lost = lost
        self.world.sweep()
        self.world.clean_ups.lost = False

    @rule()
    def checks(self) -> None:
        self.check()

    # What holds

    @invariant()
    def unless_a_function_died_the_counters_are_the_seats(self) -> None:
        if not self.died:
            assert self.counted() == self.seated()

    def teardown(self) -> None:
        try:
            for _ in range(4):  # who has vanished is idle, and swept; then there are two checks
                self.time_passes(60)
                self.sweeps(lost=False)
                self.world.reconcile()
            truth = Counter(language for language in self.model.values() if language)
            assert self.seated() == (truth.total(), truth)
            assert self.counted() == (truth.total(), truth)
        finally:
            self._opened.close()

    def counted(self) -> tuple[int, Counter[str]]:
        session = self.world.session(self.session_id)
        assert min([session.listener_count, *session.language_counts.values()]) >= 0
        return session.listener_count, +Counter(session.language_counts)

    def seated(self) -> tuple[int, Counter[str]]:
        """By the rows: who vanished sits until the sweep finds out."""
        found: Counter[str] = Counter()
        for connection_id, seat in self.world.connections.roster(self.session_id):
            connection = self.world.connections.get(connection_id)
            if seat.role == "listener" and connection and connection.replaced_at is None:
                found[seat.language] += 1
        return found.total(), found

    # How things are put together

    def connects(self) -> str:
        client = self.world.connect()
        self.model[client] = None
        return client

    def _draw(self, data: st.DataObject, but: tuple[str, ...]) -> tuple[str, ...]:
        """A client with a connection that may take its seat over."""
        clients = sorted(set(self.model) - set(but)) or [self.connects()]
        listening = [client for client in clients if self.model[client]]
        return data.draw(st.sampled_from(listening or clients)), self.connects()

    def doing(
        self, kind: str, client: str, newer: str, language: str, third: str | None = None
    ) -> Doing:
        """`third` stands for a connection beside the one that takes over already."""
        doings: dict[str, Doing] = {
            "join": lambda: self.join(newer, language),
            "change": lambda: self.change(client, language),
            "leave": lambda: self.leave(client),
            "farewell": lambda: self.farewell(client),
            "newer's farewell": lambda: self.farewell(newer),
            "both farewells": lambda: self.farewells(newer, client),
            "roll over": lambda: self.roll_over(client, third or newer, language),
            "check": self.check,
        }
        return doings[kind]

    def _doing(self, data: st.DataObject, kind: str, clients: tuple[str, ...]) -> Doing:
        client, newer = clients
        return self.doing(kind, client, newer, data.draw(st.sampled_from(LANGUAGES)))

    def _as_the_rows_say(self, clients: set[str]) -> None:
        """Of two things at once either may have come first; one that took part has one seat."""
        for client in clients:
            row = self.world.connections.get(client)
            if row is not None and row.replaced_at is not None:
                self.model.pop(client, None)
                if client not in self.replaced:
                    self.replaced.append(client)
            elif client in self.model:
                assert row is not None, "it is open"
                seat = row.membership.seat if row.membership else None
                self.model[client] = seat.language if seat else None


def test_counters_hold_if_any_call_of_any_step_fails() -> None:
    """Not by chance: each request is repeated, and the counters are the seats after it."""
    seats = Seats()
    for kind, fault in itertools.product(("join", "change", "leave", "roll over"), Fault):
        for position in range(CALLS):
            older, newer = seats.connects(), seats.connects()
            seats.join(older, "es")
            doing = seats.doing(kind, older, newer, "fr")
            seats.lossy.plan(fault, position, times=1 if fault is Fault.TWICE else 2)
            doing()
            came = seats.lossy.over()
            doing()
            assert seats.counted() == seats.seated(), f"{kind}: {fault.value}, call {position}"
            for client in (older, newer):
                seats.farewell(client)
            assert seats.counted() == (0, Counter()), f"{kind}: {fault.value}, call {position}"
            if not came:  # it makes no more calls than that
                break
    seats.teardown()


def test_counters_hold_if_any_step_runs_inside_any_other() -> None:
    """Not by chance: all of it, on a listener and a connection that may take its seat over."""
    seats = Seats()
    firsts = ("join", "change", "leave", "roll over", "farewell")
    seconds = (*firsts, "check", "newer's farewell", "both farewells")
    for first, second in itertools.product(firsts, seconds):
        for after in range(1, CALLS):
            older, newer = seats.connects(), seats.connects()
            third = seats.connects() if first == second == "roll over" else None
            seats.join(older, "es")
            outer = seats.doing(first, older, newer, "fr")
            seats.database.interrupt(seats.doing(second, older, newer, "de", third), after=after)
            outer()
            over = seats.database.cancel()
            assert seats.counted() == seats.seated(), f"{second} in {first} after {after} calls"
            for client in filter(None, (older, newer, third)):
                seats.farewell(client)
            assert seats.counted() == (0, Counter()), f"{second} in {first} after {after} calls"
            if over:  # it makes no more calls than that
                break
    seats.teardown()


TestSeats = Seats.TestCase
TestSeats.settings = settings(
    max_examples=2,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
