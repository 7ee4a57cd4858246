"""The idle sweep: closed and kept connections, and speakers in grace."""

from __future__ import annotations

import pytest

from tests.helpers.world import World
from tests.unit.functions.idleness import IDLE_MS, is_known, pass_idle_time


@pytest.fixture
def session_id(world: World) -> str:
    """A session whose speaker is never idle, so that the clock only affects listeners."""
    _, made = world.create_session()
    return made


class TestSweep:
    def test_only_connections_idle_for_the_whole_timeout_are_closed(
        self, world: World, session_id: str
    ) -> None:
        silent = world.listener(session_id)
        speaking = world.listener(session_id)
        pass_idle_time(world, "c1", speaking)

        world.sweep()

        assert world.sender.deleted == [silent]
        assert is_known(world, speaking)

    def test_nothing_is_closed_a_millisecond_too_early(self, world: World, session_id: str) -> None:
        world.listener(session_id)
        world.clock.advance(IDLE_MS - 1)

        world.sweep()

        assert world.sender.deleted == []

    def test_a_connection_that_never_joined_is_idle_from_its_connect_time(
        self, world: World
    ) -> None:
        nobody = world.connect()
        world.clock.advance(IDLE_MS)

        world.sweep()

        assert world.sender.deleted == [nobody]
        assert world.telemetry.by_dimensions["ConnectionTimeout", "none", "idle"] == 1

    def test_a_claimed_connection_is_left_to_its_claimant(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)
        pass_idle_time(world, "c1")
        world.sender.failing.add(listener)

        world.sweep()
        world.clock.advance(30_000)
        world.sweep()

        attempts = [post for post in world.sender.posts if post.connection_id == listener]
        assert len(attempts) == 1

    def test_one_failure_does_not_stop_the_sweep(self, world: World, session_id: str) -> None:
        listeners = [world.listener(session_id) for _ in range(20)]
        # More than one batch.
        others = [world.connect() for _ in range(100)]
        pass_idle_time(world, "c1")
        world.sender.failing.update(listeners[::10])
        world.sender.gone.update(listeners[1::10])

        world.sweep()

        left = {connection for connection in (*listeners, *others) if is_known(world, connection)}
        assert left == set(listeners[::10])
        assert world.session(session_id).listener_count == len(left)

    def test_the_sweep_records_its_counts(self, world: World, session_id: str) -> None:
        world.listener(session_id)
        world.interpreter(session_id)
        broken = world.listener(session_id)
        pass_idle_time(world, "c1")
        world.sender.failing.add(broken)

        world.sweep()

        assert world.telemetry.counts["ConnectionsChecked"] == 3
        assert world.telemetry.counts["IdleConnectionsDetected"] == 3
        assert world.telemetry.counts["ConnectionsClosed"] == 2
        assert world.telemetry.by_dimensions == {
            ("ConnectionTimeout", "listener", "idle"): 1,
            ("ConnectionTimeout", "interpreter", "idle"): 1,
        }

    def test_an_idle_speaker_enters_the_grace_period(self, world: World, session_id: str) -> None:
        listener = world.listener(session_id)
        pass_idle_time(world, listener)

        world.sweep()

        assert world.pushes(listener, "speakerDisconnected") == [
            {"type": "speakerDisconnected", "sessionId": session_id, "graceSeconds": 60}
        ]

    def test_an_idle_interpreter_releases_the_language(self, world: World, session_id: str) -> None:
        world.interpreter(session_id, "es")
        listener = world.listener(session_id, "es")
        pass_idle_time(world, "c1", listener)

        world.sweep()

        assert world.pushes(listener, "channelSourceChanged")[-1]["to"] == "floor"


class TestGrace:
    def test_the_sweep_ends_a_grace_period_whose_timer_was_lost(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)
        world.disconnect("c1")
        world.clock.advance(60_000 + 9_999)
        world.ask(listener, "heartbeat")
        world.sweep()
        assert world.session(session_id).is_active

        world.clock.advance(1)
        world.sweep()

        assert world.pushes(listener, "sessionEnded") == [
            {"type": "sessionEnded", "sessionId": session_id, "reason": "speakerLeft"}
        ]

    def test_the_sweep_does_not_touch_a_speaker_in_grace(
        self, world: World, session_id: str
    ) -> None:
        world.disconnect("c1")
        world.clock.advance(30_000)

        world.sweep()

        assert world.session(session_id).is_active
