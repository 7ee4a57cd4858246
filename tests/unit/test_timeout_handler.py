"""The timeout function: messages, closing, clean-up and failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.models.delivery import Outcome
from shared.utils.settings import SettingsError, SweepSettings, load
from tests.helpers.world import ENVIRONMENT, World
from tests.unit.functions.idleness import IDLE_MS, is_known, pass_idle_time, update_connection


@pytest.fixture
def session_id(world: World) -> str:
    """A session whose speaker never becomes idle."""
    _, made = world.create_session()
    return made


class TestMessage:
    def test_the_message_has_reason_and_idle_time(self, world: World, session_id: str) -> None:
        listener = world.listener(session_id)
        world.clock.advance(IDLE_MS + 1_500)

        world.sweep()

        assert world.pushes(listener, "connectionTimeout") == [
            {
                "type": "connectionTimeout",
                "reason": "idle",
                "idleSeconds": 121,
                "timestamp": world.clock.now_ms(),
            }
        ]

    def test_each_message_has_the_connections_own_idle_time(
        self, world: World, session_id: str
    ) -> None:
        first = world.listener(session_id)
        world.clock.advance(7_000)
        second = world.listener(session_id)
        world.clock.advance(IDLE_MS)

        world.sweep()

        heard = [
            message["idleSeconds"]
            for connection in (first, second)
            for message in world.pushes(connection, "connectionTimeout")
        ]
        assert heard == [127, 120]

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.DROPPED])
    def test_a_connection_is_closed_even_if_its_message_fails(
        self, world: World, session_id: str, outcome: Outcome
    ) -> None:
        listener = world.listener(session_id)
        world.clock.advance(IDLE_MS)
        world.sender.script(listener, outcome)

        world.sweep()

        assert listener in world.sender.deleted
        assert not is_known(world, listener)


class TestClose:
    def test_an_idle_connection_is_closed_after_the_message(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)
        world.clock.advance(IDLE_MS)

        world.sweep()

        assert world.pushes(listener)[-1]["type"] == "connectionTimeout"
        assert listener in world.sender.deleted

    def test_a_gone_connection_counts_as_closed(self, world: World, session_id: str) -> None:
        listener = world.listener(session_id)
        pass_idle_time(world, "c1")
        world.sender.gone.add(listener)

        world.sweep()

        assert world.telemetry.counts["ConnectionsClosed"] == 1
        assert not is_known(world, listener)
        assert world.session(session_id).listener_count == 0

    def test_a_connection_that_cannot_be_closed_keeps_its_seat_and_is_retried(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)
        pass_idle_time(world, "c1")
        world.sender.failing.add(listener)

        world.sweep()

        assert is_known(world, listener)
        assert world.session(session_id).listener_count == 1
        world.sender.failing.clear()
        world.clock.advance(60_000)
        world.ask("c1", "heartbeat")
        world.sweep()
        assert not is_known(world, listener)
        assert world.session(session_id).listener_count == 0

    def test_a_replaced_connection_is_closed_silently_after_ten_seconds(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)
        update_connection(
            listener,
            "SET replacedAt = :now, lastActivityTime = :zero",
            now=world.clock.now_ms(),
            zero=0,
        )

        world.clock.advance(9_000)
        world.sweep()
        assert is_known(world, listener)

        world.clock.advance(1_000)
        world.sweep()
        assert world.pushes(listener, "connectionTimeout") == []
        assert listener in world.sender.deleted
        assert world.telemetry.by_dimensions["ConnectionTimeout", "listener", "replaced"] == 1

    def test_activity_does_not_keep_a_replaced_connection_open(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)
        update_connection(listener, "SET replacedAt = :now", now=world.clock.now_ms())
        pass_idle_time(world, "c1", listener)

        world.sweep()

        assert listener in world.sender.deleted


class TestDisconnectTrigger:
    def test_the_disconnect_function_cleans_up_after_each(
        self, world: World, session_id: str
    ) -> None:
        listeners = [world.listener(session_id) for _ in range(3)]
        pass_idle_time(world, "c1")

        world.sweep()

        asked = sorted(world.clean_ups.events, key=lambda event: str(event["connectionId"]))
        assert asked == [{"connectionId": listener} for listener in sorted(listeners)]
        assert world.session(session_id).listener_count == 0

    def test_a_lost_clean_up_is_repeated(self, world: World, session_id: str) -> None:
        listener = world.listener(session_id)
        pass_idle_time(world, "c1")
        world.clean_ups.lost = True
        world.sweep()
        assert is_known(world, listener)
        assert "clean-up requests failed" in world.telemetry.warnings

        world.clean_ups.lost = False
        world.clock.advance(60_000)
        world.ask("c1", "heartbeat")
        world.sweep()

        assert not is_known(world, listener)
        assert world.session(session_id).listener_count == 0

    def test_clean_up_and_disconnect_event_may_both_run(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)

        world.disconnect(listener)
        world.call("disconnect", {"connectionId": listener})

        assert world.session(session_id).listener_count == 0

    def test_a_failed_clean_up_is_raised_so_that_lambda_retries(self, world: World) -> None:
        with pytest.raises(Exception, match="connectionId"):
            world.call("disconnect", {"nobody": 1})


class Context:
    """Lambda context with the remaining time."""

    def __init__(self, milliseconds: int) -> None:
        self._left = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._left


class TestHandler:
    def test_the_handler_accepts_rules_and_timers(self, world: World, session_id: str) -> None:
        listener = world.listener(session_id)
        world.disconnect("c1")
        world.clock.advance(IDLE_MS)

        assert world.fire_timers() == {"batchItemFailures": []}
        assert not world.session(session_id).is_active
        assert is_known(world, listener)
        world.call("timeout", scheduled_event())
        assert not is_known(world, listener)

    def test_the_sweep_stops_before_the_time_limit_and_continues_next_time(
        self, world: World, session_id: str
    ) -> None:
        listener = world.listener(session_id)
        pass_idle_time(world, "c1")

        world.call("timeout", scheduled_event(), Context(2_000))
        assert is_known(world, listener)
        assert "idle sweep cut short" in world.telemetry.warnings

        world.call("timeout", scheduled_event(), Context(30_000))
        assert not is_known(world, listener)

    def test_an_unknown_task_is_named_in_the_error(self, world: World) -> None:
        with pytest.raises(ValueError, match="'nothing' is not one of sweep"):
            world.call("timeout", {"task": "nothing"})

    def test_metrics_are_written_even_if_no_connection_is_idle(self, world: World) -> None:
        world.sweep()

        assert world.telemetry.counts["ConnectionsChecked"] == 0
        assert world.telemetry.flushes == 1

    @pytest.mark.parametrize("seconds", ["0", "89", "-1", "soon"])
    def test_a_timeout_shorter_than_heartbeats_allow_is_refused(self, seconds: str) -> None:
        with pytest.raises(SettingsError, match="CONNECTION_IDLE_TIMEOUT_SECONDS: must be"):
            load(SweepSettings, {**ENVIRONMENT, "CONNECTION_IDLE_TIMEOUT_SECONDS": seconds})

    def test_the_timeout_is_a_setting(self) -> None:
        given = {**ENVIRONMENT, "CONNECTION_IDLE_TIMEOUT_SECONDS": "90"}

        assert load(SweepSettings, given).connection_idle_timeout_seconds == 90
        assert load(SweepSettings, ENVIRONMENT).connection_idle_timeout_seconds == 120


def scheduled_event() -> dict[str, Any]:
    """An event as EventBridge sends it."""
    event: dict[str, Any] = json.loads(
        """
        {
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": "2026-01-01T12:00:00Z",
            "region": "eu-central-1",
            "resources": ["arn:aws:events:eu-central-1:123456789012:rule/sweep"],
            "detail": {}
        }
        """
    )
    return event
