"""Races between the writes of a rollover: counters stay correct, sources never get stuck."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.rollovers import Rollovers
from shared.data_access.table import Table
from shared.models import schema
from tests.helpers.clients import Message
from tests.helpers.database.tables import CONNECTIONS, SESSIONS, dynamodb, interpreter_channels
from tests.helpers.race_proxy import RaceProxy
from tests.helpers.world import World


@pytest.fixture
def rollovers(world: World) -> Iterator[RaceProxy]:
    """Stages races around the control function's rollovers."""
    client = dynamodb()
    rollovers = RaceProxy(
        Rollovers(
            Table(client, SESSIONS, schema.SESSION_ID),
            Table(client, CONNECTIONS, schema.CONNECTION_ID),
        )
    )
    world.use_rollovers(rollovers)
    yield rollovers
    rollovers.assert_no_hooks_left()


@pytest.fixture
def channels(world: World) -> Iterator[RaceProxy]:
    """Stages races around the control function's channels."""
    channels = RaceProxy(interpreter_channels())
    world.use_channels(channels)
    yield channels
    channels.assert_no_hooks_left()


class Roll:
    """A member about to roll over from connection `old` to `new`."""

    def __init__(self, world: World, role: str) -> None:
        self._world = world
        who = {
            "listener": (),
            "interpreter": ("ines", "interpreters"),
            "speaker": ("alice", "speakers"),
        }[role]
        self.speaker = world.connect("alice", "speakers")
        created = world.ask(self.speaker, "createSession", sourceLanguage="en")
        self.session_id = created["sessionId"]
        self._fields = {"sessionId": self.session_id, "targetLanguage": "es", "role": role}
        if role == "speaker":
            self.old, self.token = self.speaker, created["resumeToken"]
        else:
            self.old = world.connect(*who)
            self.token = world.ask(self.old, "joinSession", **self._fields)["resumeToken"]
        self.new, self.third = world.connect(*who), world.connect(*who)

    def over(self, connection: str | None = None) -> Message:
        return self._world.ask(
            connection or self.new, "joinSession", **self._fields, resumeToken=self.token
        )

    def counts(self) -> tuple[int, dict[str, int]]:
        session = self._world.session(self.session_id)
        return session.listener_count, {k: v for k, v in session.language_counts.items() if v}


def unavailable() -> None:
    raise StoreUnavailableError("update_item: ThrottlingException")


class TestListener:
    @pytest.mark.parametrize("call", ["candidate", "replace"])
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_the_old_connection_disconnects_meanwhile(
        self, world: World, rollovers: RaceProxy, call: str, when: str
    ) -> None:
        roll = Roll(world, "listener")
        getattr(rollovers, when)[call] = lambda: world.disconnect(roll.old)

        assert roll.over()["type"] == "sessionJoined"

        assert roll.counts() == (1, {"es": 1})
        world.disconnect(roll.new)
        assert roll.counts() == (0, {})

    def test_the_new_connection_disconnects_meanwhile(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        roll = Roll(world, "listener")
        rollovers.after["replace"] = lambda: world.disconnect(roll.new)

        assert roll.over()["code"] == "CONNECTION_NOT_FOUND"

        assert roll.counts() == (1, {"es": 1})
        assert roll.over(roll.third)["resumed"] is True
        world.disconnect(roll.old)
        assert roll.counts() == (1, {"es": 1})

    def test_both_connections_disconnect_meanwhile(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        roll = Roll(world, "listener")

        def both() -> None:
            world.disconnect(roll.old)
            world.disconnect(roll.new)

        rollovers.after["replace"] = both

        assert roll.over()["code"] == "CONNECTION_NOT_FOUND"

        assert roll.counts() == (0, {})

    def test_the_old_connection_changes_language_meanwhile(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        roll = Roll(world, "listener")
        rollovers.before["replace"] = lambda: world.ask(
            roll.old, "changeLanguage", targetLanguage="fr"
        )

        assert roll.over()["targetLanguage"] == "fr"

        assert roll.counts() == (1, {"fr": 1})

    @pytest.mark.parametrize("action", ["changeLanguage", "leaveSession"])
    def test_late_requests_of_the_old_connection_change_nothing(
        self, world: World, rollovers: RaceProxy, action: str
    ) -> None:
        roll = Roll(world, "listener")
        replies: list[Message] = []
        rollovers.after["replace"] = lambda: replies.append(
            world.ask(roll.old, action, targetLanguage="fr")
        )

        assert roll.over()["resumed"] is True

        assert replies[0]["code"] == "CONNECTION_NOT_FOUND"
        assert roll.counts() == (1, {"es": 1})

    def test_two_connections_use_one_token(self, world: World, rollovers: RaceProxy) -> None:
        roll = Roll(world, "listener")
        others: list[Message] = []
        rollovers.before["replace"] = lambda: others.append(roll.over(roll.third))

        mine = roll.over()

        assert (mine["resumed"], others[0]["resumed"]) == (False, True)
        assert roll.counts() == (2, {"es": 2})

    def test_one_connection_asks_twice_concurrently(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        roll = Roll(world, "listener")
        rollovers.before["replace"] = roll.over

        assert roll.over()["resumed"] is True
        assert roll.over()["resumed"] is True

        assert roll.counts() == (1, {"es": 1})
        world.disconnect(roll.new)
        assert roll.counts() == (0, {})

    def test_a_database_failure_leaves_the_seat_unchanged(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        roll = Roll(world, "listener")
        rollovers.before["replace"] = unavailable

        assert roll.over()["code"] == "UNAVAILABLE"

        assert roll.counts() == (1, {"es": 1})
        assert roll.over()["resumed"] is True


class TestSpeaker:
    def test_the_owner_takes_the_floor_elsewhere_meanwhile(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        """The last to arrive gets the floor."""
        roll = Roll(world, "speaker")
        rollovers.before["roll_over_floor"] = lambda: world.ask(
            roll.third,
            "joinSession",
            sessionId=roll.session_id,
            targetLanguage="en",
            role="speaker",
        )

        reply = roll.over()

        assert (reply["resumed"], reply["epoch"]) == (False, 3)
        assert world.session(roll.session_id).speaker_connection_id == roll.new

    def test_the_session_ends_meanwhile(self, world: World, rollovers: RaceProxy) -> None:
        roll = Roll(world, "speaker")
        rollovers.before["roll_over_floor"] = lambda: world.ask(roll.old, "endSession")

        assert roll.over()["code"] == "SESSION_ENDED"
        assert world.ask(roll.new, "createSession", sourceLanguage="en")["type"] == "sessionCreated"

    def test_the_old_connection_disconnects_meanwhile(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        """The members notified of the absence are notified of the return."""
        roll = Roll(world, "speaker")
        listener = world.listener(roll.session_id)
        rollovers.before["roll_over_floor"] = lambda: world.disconnect(roll.old)

        assert roll.over()["resumed"] is True

        told = [message["type"] for message in world.pushes(listener)]
        assert told == ["speakerDisconnected", "speakerReconnected"]
        world.fire_timers()
        assert world.session(roll.session_id).speaker_connected

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_the_new_connection_disconnects_meanwhile(
        self, world: World, rollovers: RaceProxy, when: str
    ) -> None:
        """The grace period starts, since the new connection is closed."""
        roll = Roll(world, "speaker")
        getattr(rollovers, when)["roll_over_floor"] = lambda: world.disconnect(roll.new)

        assert roll.over()["code"] == "CONNECTION_NOT_FOUND"

        assert not world.session(roll.session_id).speaker_connected
        world.fire_timers()
        assert not world.session(roll.session_id).is_active

    def test_an_unmarked_old_connection_still_starts_no_grace(
        self, world: World, rollovers: RaceProxy
    ) -> None:
        roll = Roll(world, "speaker")
        rollovers.before["replace"] = unavailable

        assert roll.over()["resumed"] is True
        world.disconnect(roll.old)

        assert world.session(roll.session_id).speaker_connected


class TestInterpreter:
    def test_the_old_connection_disconnects_meanwhile(
        self, world: World, channels: RaceProxy
    ) -> None:
        roll = Roll(world, "interpreter")
        channels.before["change"] = lambda: world.disconnect(roll.old)

        reply = roll.over()

        assert (reply["resumed"], reply["epoch"]) == (False, 2)
        channel = world.session(roll.session_id).channels["es"]
        assert (channel.epoch, channel.connection_id) == (2, roll.new)

    def test_another_interpreter_takes_the_language_meanwhile(
        self, world: World, channels: RaceProxy
    ) -> None:
        roll = Roll(world, "interpreter")

        def other() -> None:
            world.disconnect(roll.old)
            world.interpreter(roll.session_id, "es", "ivan")

        channels.before["change"] = other

        assert roll.over()["code"] == "LANGUAGE_TAKEN"
        assert world.ask(roll.new, "leaveSession")["code"] == "NOT_IN_SESSION"

    def test_the_new_connection_disconnects_meanwhile(
        self, world: World, channels: RaceProxy
    ) -> None:
        roll = Roll(world, "interpreter")
        channels.before["change"] = lambda: world.disconnect(roll.new)

        assert roll.over()["code"] == "CONNECTION_NOT_FOUND"

        assert world.session(roll.session_id).interpreted() == {}
        world.send_audio(roll.old, 1)
        assert world.pushes(roll.old, "error")[-1]["code"] == "CONNECTION_NOT_FOUND"
