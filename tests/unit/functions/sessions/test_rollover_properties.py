"""Property test of rollovers: the counters equal the listeners present.

Joins, language changes, rollovers and disconnects come in any order, some during others.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.data_access.rollovers import Rollovers
from shared.data_access.table import Table
from shared.models import schema
from tests.helpers.clients import Message
from tests.helpers.database.tables import CONNECTIONS, SESSIONS, dynamodb
from tests.helpers.race_proxy import RaceProxy
from tests.helpers.world import World, new_world

LANGUAGES = st.sampled_from(["es", "fr", "de"])
CALLS = st.sampled_from(["candidate", "replace"])
WHEN = st.sampled_from(["before", "after"])
PICK = st.integers(0, 99)


@dataclass
class Listener:
    """A listener of the model: connection, language and resume token."""

    connection: str
    language: str
    token: str


class Seats(RuleBasedStateMachine):
    """A session with its listeners and a model of them."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        client = dynamodb()
        self.rollovers = RaceProxy(
            Rollovers(
                Table(client, SESSIONS, schema.SESSION_ID),
                Table(client, CONNECTIONS, schema.CONNECTION_ID),
            )
        )
        self.world.use_rollovers(self.rollovers)
        self.speaker, self.session_id = self.world.create_session()
        #: The model: listeners, replaced connections, and used or invalid tokens.
        self.listeners: list[Listener] = []
        self.former: list[str] = []
        self.void: list[str] = []

    def teardown(self) -> None:
        self._opened.close()

    def join(self, connection: str, language: str, token: str | None = None) -> Message:
        more = {} if token is None else {"resumeToken": token}
        return self.world.ask(
            connection,
            "joinSession",
            sessionId=self.session_id,
            targetLanguage=language,
            **more,
        )

    def picked(self, pick: int) -> Listener:
        return self.listeners[pick % len(self.listeners)]

    @rule(language=LANGUAGES)
    def joins(self, language: str) -> None:
        connection = self.world.connect()
        reply = self.join(connection, language)
        self.listeners.append(Listener(connection, language, reply["resumeToken"]))

    @precondition(lambda self: self.listeners)
    @rule(pick=PICK, language=LANGUAGES)
    def changes(self, pick: int, language: str) -> None:
        listener = self.picked(pick)
        self.world.ask(listener.connection, "changeLanguage", targetLanguage=language)
        listener.language = language

    @precondition(lambda self: self.listeners)
    @rule(pick=PICK, asked=LANGUAGES)
    def rolls_over(self, pick: int, asked: str) -> None:
        listener = self.picked(pick)
        connection = self.world.connect()
        reply = self.join(connection, asked, listener.token)
        assert (reply["resumed"], reply["targetLanguage"]) == (True, listener.language)
        self.moved(listener, connection, reply)

    @precondition(lambda self: self.listeners)
    @rule(pick=PICK, language=LANGUAGES, call=CALLS, when=WHEN)
    def rolls_over_while_the_old_one_changes(
        self, pick: int, language: str, call: str, when: str
    ) -> None:
        listener = self.picked(pick)
        connection, changed = self.world.connect(), list[Message]()
        getattr(self.rollovers, when)[call] = lambda: changed.append(
            self.world.ask(listener.connection, "changeLanguage", targetLanguage=language)
        )
        reply = self.join(connection, listener.language, listener.token)
        if changed[0]["type"] == "languageChanged":
            listener.language = language
        assert (reply["resumed"], reply["targetLanguage"]) == (True, listener.language)
        self.moved(listener, connection, reply)

    @precondition(lambda self: self.listeners)
    @rule(pick=PICK, call=CALLS, when=WHEN, old=st.booleans(), new=st.booleans())
    def rolls_over_while_connections_end(
        self, pick: int, call: str, when: str, old: bool, new: bool
    ) -> None:
        listener = self.picked(pick)
        connection = self.world.connect()

        def end() -> None:
            if old:
                self.world.disconnect(listener.connection)
            if new:
                self.world.disconnect(connection)

        getattr(self.rollovers, when)[call] = end
        reply = self.join(connection, listener.language, listener.token)
        if reply["type"] == "sessionJoined":
            assert not new
            self.moved(listener, connection, reply)
        elif old:
            self.listeners.remove(listener)

    @precondition(lambda self: self.void)
    @rule(pick=PICK, language=LANGUAGES)
    def comes_with_a_used_token(self, pick: int, language: str) -> None:
        connection = self.world.connect()
        reply = self.join(connection, language, self.void[pick % len(self.void)])
        assert reply["resumed"] is False
        self.listeners.append(Listener(connection, language, reply["resumeToken"]))

    @precondition(lambda self: self.listeners)
    @rule(pick=PICK, leaves=st.booleans())
    def goes(self, pick: int, leaves: bool) -> None:
        listener = self.picked(pick)
        if leaves:
            self.world.ask(listener.connection, "leaveSession")
        else:
            self.world.disconnect(listener.connection)
        self.listeners.remove(listener)
        self.void.append(listener.token)

    @precondition(lambda self: self.former)
    @rule(pick=PICK, how=st.sampled_from(["ends", "is found gone", "leaves", "changes", "joins"]))
    def a_former_connection(self, pick: int, how: str) -> None:
        """A replaced connection sends a request, closes or is found gone, perhaps again."""
        connection = self.former[pick % len(self.former)]
        if how == "ends":
            self.world.disconnect(connection)
        elif how == "is found gone":
            self.world.sender.gone.add(connection)
            self.world.send_audio(self.speaker, 0)
        elif how == "leaves":
            self.world.ask(connection, "leaveSession")
        elif how == "changes":
            self.world.ask(connection, "changeLanguage", targetLanguage="it")
        else:
            assert self.join(connection, "it")["code"] == "CONNECTION_NOT_FOUND"

    def moved(self, listener: Listener, connection: str, reply: Message) -> None:
        self.former.append(listener.connection)
        self.void.append(listener.token)
        listener.connection, listener.token = connection, reply["resumeToken"]

    @invariant()
    def counters_match_the_listeners(self) -> None:
        session = self.world.session(self.session_id)
        counted = {language: n for language, n in session.language_counts.items() if n}
        assert counted == Counter(listener.language for listener in self.listeners)
        assert session.listener_count == len(self.listeners)

    @invariant()
    def every_hook_has_run(self) -> None:
        self.rollovers.assert_no_hooks_left()


TestSeats = Seats.TestCase
TestSeats.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
