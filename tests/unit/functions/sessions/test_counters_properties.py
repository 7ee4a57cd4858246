"""Property test of the counters: once everything has settled, they equal the model.

Listeners join, change language, leave, roll over, disconnect once or twice, or vanish; functions
crash between two writes; sweeps and checks run at any time.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.helpers.race_proxy import RaceProxy
from tests.helpers.world import World, new_world

LANGUAGES = st.sampled_from(["es", "fr", "de"])
MOST = 8


def die() -> None:
    raise RuntimeError("the function died")


class Counters(RuleBasedStateMachine):
    """Connections by id, with their language or None."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()

    @initialize()
    def begin(self) -> None:
        self.world: World = self._open.enter_context(new_world())
        self.speaker, self.session_id = self.world.create_session()
        self.sessions = RaceProxy(self.world.sessions)
        self.world.use_sessions(self.sessions)
        self.clients: dict[str, str | None] = {}
        self.tokens: dict[str, str] = {}
        self.deaths = 0

    def join(self, client: str, language: str, **fields: Any) -> Any:
        reply = self.world.ask(
            client, "joinSession", sessionId=self.session_id, targetLanguage=language, **fields
        )
        if reply["type"] == "sessionJoined":
            self.clients[client] = language
            self.tokens[client] = reply["resumeToken"]
        return reply

    def listening(self) -> list[str]:
        return sorted(client for client, language in self.clients.items() if language)

    def idle(self) -> list[str]:
        return sorted(client for client, language in self.clients.items() if not language)

    @precondition(lambda self: len(self.clients) < MOST)
    @rule(language=LANGUAGES)
    def arrives(self, language: str) -> None:
        client = self.world.connect()
        self.clients[client] = None
        assert self.join(client, language)["type"] == "sessionJoined"

    @precondition(lambda self: self.idle())
    @rule(data=st.data(), language=LANGUAGES)
    def joins_again(self, data: st.DataObject, language: str) -> None:
        self.join(data.draw(st.sampled_from(self.idle())), language)

    @precondition(lambda self: self.listening())
    @rule(data=st.data(), language=LANGUAGES)
    def changes(self, data: st.DataObject, language: str) -> None:
        client = data.draw(st.sampled_from(self.listening()))
        reply = self.world.ask(client, "changeLanguage", targetLanguage=language)
        assert reply["type"] == "languageChanged"
        self.clients[client] = language

    @precondition(lambda self: self.listening())
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.listening()))
        assert self.world.ask(client, "leaveSession")["type"] == "sessionLeft"
        self.clients[client] = None

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), times=st.integers(1, 3))
    def disconnects(self, data: st.DataObject, times: int) -> None:
        client = data.draw(st.sampled_from(sorted(self.clients)))
        self.world.sender.gone.add(client)
        for _ in range(times):
            self.world.disconnect(client)
        del self.clients[client]

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def vanishes(self, data: st.DataObject) -> None:
        """A client closes, and its $disconnect is lost."""
        client = data.draw(st.sampled_from(sorted(self.clients)))
        self.world.sender.gone.add(client)
        del self.clients[client]

    @precondition(lambda self: self.listening())
    @rule(data=st.data(), old_one_goes=st.booleans())
    def rolls_over(self, data: st.DataObject, *, old_one_goes: bool) -> None:
        older = data.draw(st.sampled_from(self.listening()))
        newer = self.world.connect()
        language = self.clients.pop(older)
        assert language is not None
        reply = self.join(newer, language, resumeToken=self.tokens[older])
        assert reply["resumed"] is True
        if old_one_goes:
            self.world.sender.gone.add(older)
            self.world.disconnect(older)

    @rule(language=LANGUAGES)
    def disconnects_before_the_joins_second_step(self, language: str) -> None:
        client = self.world.connect()
        self.sessions.before["count_in"] = lambda: self.world.disconnect(client)
        self.join(client, language)
        self.clients.pop(client, None)
        self.sessions.assert_no_hooks_left()

    @rule(language=LANGUAGES)
    def the_function_dies_between_the_steps_of_a_join(self, language: str) -> None:
        client = self.world.connect()
        self.sessions.before["count_in"] = die
        assert self.join(client, language)["code"] == "INTERNAL"
        self.clients[client] = None
        self.deaths += 1

    @precondition(lambda self: self.listening())
    @rule(data=st.data())
    def the_function_dies_between_the_steps_of_a_leave(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.listening()))
        self.sessions.before["count_out"] = die
        assert self.world.ask(client, "leaveSession")["code"] == "INTERNAL"
        self.clients[client] = None
        self.deaths += 1

    @rule(seconds=st.sampled_from([10, 30, 60]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds * 1000)
        for client in (self.speaker, *self.clients):
            assert self.world.ask(client, "heartbeat")["type"] == "heartbeatAck"

    @rule(lost=st.booleans())
    def sweeps(self, *, lost: bool) -> None:
        self.world.clean_ups.lost = lost
        self.world.sweep()
        self.world.clean_ups.lost = False

    @rule()
    def checks(self) -> None:
        self.world.reconcile()

    @invariant()
    def without_a_death_nothing_is_ever_off(self) -> None:
        if not hasattr(self, "world") or self.deaths:
            return
        assert self.counted() == self.seated()

    def counted(self) -> tuple[int, Counter[str]]:
        session = self.world.session(self.session_id)
        assert session.listener_count >= 0
        assert all(count >= 0 for count in session.language_counts.values())
        return session.listener_count, +Counter(session.language_counts)

    def seated(self) -> tuple[int, Counter[str]]:
        """Count the seats by the rows; vanished connections stay until the sweep."""
        found: Counter[str] = Counter()
        for connection_id, seat in self.world.connections.roster(self.session_id):
            connection = self.world.connections.get(connection_id)
            if seat.role == "listener" and connection and connection.replaced_at is None:
                found[seat.language] += 1
        return found.total(), found

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            for _ in range(4):  # idle connections are swept, then two checks run
                self.time_passes(60)
                self.sweeps(lost=False)
                self.checks()
            truth = Counter(language for language in self.clients.values() if language)
            assert self.seated() == (truth.total(), truth)
            assert self.counted() == (truth.total(), truth)
        finally:
            self._open.close()


TestCounters = Counters.TestCase
TestCounters.settings = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
