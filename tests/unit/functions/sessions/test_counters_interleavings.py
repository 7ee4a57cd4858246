"""Counters under interleavings: one action runs between two database calls of another.

For example, a rollover meets a language change or a disconnect at any step, a check of the counters
runs during a join, or a function crashes anywhere. Unless one crashes, the counters equal the seats
after each step. Once everything has settled, they always do.
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
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.lossy.faults import Fault, LossyClient
from tests.helpers.world import World, new_world

LANGUAGES = ("es", "fr", "de")
MOST = 6
# More database calls than any request makes.
CALLS = 9
KINDS = ("join", "change", "leave", "disconnect", "newer disconnects", "roll over", "check")
# Too short for two checks to find permanent drift.
SOON_MS = 30_000

Action = Callable[[], object]


class FunctionCrashError(Exception):
    """Raised between two database calls, as if the function crashed."""


def die() -> None:
    raise FunctionCrashError


class Seats(RuleBasedStateMachine):
    """A session's listeners. The model maps open connections to their languages."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        self.speaker, self.session_id = self.world.create_session()
        self.database = InterruptibleClient(dynamodb())
        self.lossy = LossyClient(self.database)
        self.world.use_dynamodb(self.lossy)
        self.model: dict[str, str | None] = {}
        self.tokens: dict[str, str] = {}
        #: Open connections whose seat another one has taken over.
        self.replaced: list[str] = []
        self.died = False

    # Actions, which update the model by the service's answers

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

    def disconnect(self, client: str) -> None:
        self.world.sender.gone.add(client)
        self.model.pop(client, None)
        with suppress(FunctionCrashError):  # API Gateway does not retry $disconnect
            self.world.disconnect(client)

    def disconnect_all(self, *clients: str) -> None:
        for client in clients:
            self.disconnect(client)

    def roll_over(self, older: str, newer: str, language: str) -> None:
        reply = self.join(newer, language, self.tokens.get(older, "secret.nobody"))
        if reply.get("resumed"):
            self.model.pop(older, None)
            if older not in self.replaced:
                self.replaced.append(older)

    def is_open(self, client: str) -> bool:
        """Whether the client is open; replies to closed clients do not change the model."""
        return client not in self.world.sender.gone

    def check(self) -> None:
        self.world.reconcile()
        self.world.clock.advance(SOON_MS)
        # Keep open connections active; one that is closing gets no answer.
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
        second=st.sampled_from([*KINDS, "disconnect", "check"]),
        after=st.integers(0, CALLS),
        same=st.sampled_from([True, True, False]),
    )
    def two_actions_interleave(
        self, data: st.DataObject, first: str, second: str, after: int, *, same: bool
    ) -> None:
        one = self._draw(data, ())
        other = one if same else self._draw(data, one)
        outer, inner = self._draw_action(data, first, one), self._draw_action(data, second, other)
        self.database.interrupt(inner, after=after)
        outer()
        if self.database.cancel():
            inner()
        self._update_from_rows({*one, *other})
        # A check during the step may have found drift that no longer exists.
        self.world.reconcile()

    @rule(
        data=st.data(),
        kind=st.sampled_from(["join", "change", "leave", "disconnect", "roll over"]),
        after=st.integers(0, CALLS),
    )
    def a_function_crashes(self, data: st.DataObject, kind: str, after: int) -> None:
        clients = self._draw(data, ())
        self.database.interrupt(die, after=after)
        self._draw_action(data, kind, clients)()
        self.died |= not self.database.cancel()
        self._update_from_rows(set(clients))

    @rule(
        data=st.data(),
        kind=st.sampled_from(["join", "change", "leave", "disconnect", "roll over"]),
        fault=st.sampled_from(Fault),
        position=st.integers(0, CALLS),
        times=st.sampled_from([1, 1, 2, 3]),
    )
    def a_call_is_lost(
        self, data: st.DataObject, kind: str, fault: Fault, position: int, times: int
    ) -> None:
        """Clients repeat requests; API Gateway does not retry $disconnect."""
        clients = self._draw(data, ())
        action = self._draw_action(data, kind, clients)
        self.lossy.plan(fault, position, times=times)
        action()
        self.died |= self.lossy.end() and kind == "disconnect"
        if kind != "disconnect":
            action()
        self._update_from_rows(set(clients))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def vanishes(self, data: st.DataObject) -> None:
        """A client closes, and its $disconnect is lost."""
        client = data.draw(st.sampled_from(sorted(self.model)))
        self.world.sender.gone.add(client)
        del self.model[client]

    @precondition(lambda self: self.replaced)
    @rule(data=st.data(), times=st.integers(0, 2))
    def a_replaced_one_goes(self, data: st.DataObject, times: int) -> None:
        """A replaced connection sends requests and closes; $disconnect comes up to twice."""
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

    # Invariants

    @invariant()
    def unless_a_function_crashed_the_counters_equal_the_seats(self) -> None:
        if not self.died:
            assert self.counted() == self.seated()

    def teardown(self) -> None:
        try:
            for _ in range(4):  # idle connections are swept, then two checks run
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
        """Count the seats by the rows; vanished connections stay until the sweep."""
        found: Counter[str] = Counter()
        for connection_id, seat in self.world.connections.roster(self.session_id):
            connection = self.world.connections.get(connection_id)
            if seat.role == "listener" and connection and connection.replaced_at is None:
                found[seat.language] += 1
        return found.total(), found

    # Helpers

    def connects(self) -> str:
        client = self.world.connect()
        self.model[client] = None
        return client

    def _draw(self, data: st.DataObject, but: tuple[str, ...]) -> tuple[str, ...]:
        """Draw a client and a new connection that may take over its seat."""
        clients = sorted(set(self.model) - set(but)) or [self.connects()]
        listening = [client for client in clients if self.model[client]]
        return data.draw(st.sampled_from(listening or clients)), self.connects()

    def action(
        self, kind: str, client: str, newer: str, language: str, third: str | None = None
    ) -> Action:
        """Build an action. `third` rolls over instead of `newer` if given."""
        actions: dict[str, Action] = {
            "join": lambda: self.join(newer, language),
            "change": lambda: self.change(client, language),
            "leave": lambda: self.leave(client),
            "disconnect": lambda: self.disconnect(client),
            "newer disconnects": lambda: self.disconnect(newer),
            "both disconnect": lambda: self.disconnect_all(newer, client),
            "roll over": lambda: self.roll_over(client, third or newer, language),
            "check": self.check,
        }
        return actions[kind]

    def _draw_action(self, data: st.DataObject, kind: str, clients: tuple[str, ...]) -> Action:
        client, newer = clients
        return self.action(kind, client, newer, data.draw(st.sampled_from(LANGUAGES)))

    def _update_from_rows(self, clients: set[str]) -> None:
        """Update the model from the rows: either action may have come first."""
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
    """Exhaustive: each request is repeated, and then the counters equal the seats."""
    seats = Seats()
    for kind, fault in itertools.product(("join", "change", "leave", "roll over"), Fault):
        for position in range(CALLS):
            older, newer = seats.connects(), seats.connects()
            seats.join(older, "es")
            action = seats.action(kind, older, newer, "fr")
            seats.lossy.plan(fault, position, times=1 if fault is Fault.APPLIED_TWICE else 2)
            action()
            came = seats.lossy.end()
            action()
            assert seats.counted() == seats.seated(), f"{kind}: {fault.value}, call {position}"
            for client in (older, newer):
                seats.disconnect(client)
            assert seats.counted() == (0, Counter()), f"{kind}: {fault.value}, call {position}"
            if not came:  # the request makes no more calls
                break
    seats.teardown()


def test_counters_hold_if_any_step_runs_inside_any_other() -> None:
    """Exhaustive over a listener and a connection that may take over its seat."""
    seats = Seats()
    firsts = ("join", "change", "leave", "roll over", "disconnect")
    seconds = (*firsts, "check", "newer disconnects", "both disconnect")
    for first, second in itertools.product(firsts, seconds):
        for after in range(1, CALLS):
            older, newer = seats.connects(), seats.connects()
            third = seats.connects() if first == second == "roll over" else None
            seats.join(older, "es")
            outer = seats.action(first, older, newer, "fr")
            seats.database.interrupt(seats.action(second, older, newer, "de", third), after=after)
            outer()
            over = seats.database.cancel()
            assert seats.counted() == seats.seated(), f"{second} in {first} after {after} calls"
            for client in filter(None, (older, newer, third)):
                seats.disconnect(client)
            assert seats.counted() == (0, Counter()), f"{second} in {first} after {after} calls"
            if over:  # the request makes no more calls
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
