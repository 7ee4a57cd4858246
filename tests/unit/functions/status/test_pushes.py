"""Periodic statuses: recipients, failures and their isolation."""

from __future__ import annotations

import pytest

from shared.utils.settings import API_GATEWAY_ENDPOINT, SettingsError
from shared.wiring.status import StatusApp
from tests.helpers.audiences import sessions_table, set_audience, statuses
from tests.helpers.doubles import RecordingTelemetry
from tests.helpers.world import ENVIRONMENT, World


class TestPeriodic:
    """Every speaker gets a status every 30 seconds."""

    def test_every_active_sessions_speaker_gets_a_status(self, world: World) -> None:
        told = []
        for number in range(3):
            speaker, session_id = world.create_session()
            set_audience(session_id, {"es": number})
            told.append(speaker)

        world.tick()

        assert [statuses(world, speaker) for speaker in told] == [
            [("periodic", 0)],
            [("periodic", 1)],
            [("periodic", 2)],
        ]
        assert world.telemetry.counts["PeriodicUpdatesSent"] == 3

    def test_ended_sessions_and_absent_speakers_are_skipped(self, world: World) -> None:
        ended, _ = world.create_session()
        world.ask(ended, "endSession")
        absent, session_id = world.create_session()
        world.disconnect(absent)
        present, _ = world.create_session()

        world.tick()

        assert not statuses(world, ended)
        assert not statuses(world, absent)
        assert statuses(world, present) == [("periodic", 0)]
        assert world.session(session_id).grace_until is not None

    def test_a_gone_speaker_is_removed_without_affecting_others(self, world: World) -> None:
        gone, abandoned = world.create_session()
        listener = world.listener(abandoned)
        others = [world.create_session()[0] for _ in range(3)]
        world.sender.gone.add(gone)

        world.tick()

        assert [statuses(world, other) for other in others] == [[("periodic", 0)]] * 3
        assert world.telemetry.counts["PeriodicUpdatesSent"] == 3
        # As after $disconnect: the grace period has started, with its timer.
        assert world.connections.get(gone) is None
        assert world.session(abandoned).grace_until == world.clock.now_ms() + 60_000
        assert {delay for _, delay in world.timers.set_} == {60}
        assert world.pushes(listener, "speakerDisconnected")

    def test_a_damaged_row_does_not_affect_others(self, world: World) -> None:
        _, damaged = world.create_session()
        speaker, _ = world.create_session()
        sessions_table().update(
            damaged,
            "REMOVE #owner",
            condition="#owner = :alice",
            names={"#owner": "owner"},
            values={":alice": "alice"},
        )

        world.tick()

        assert statuses(world, speaker) == [("periodic", 0)]
        assert world.telemetry.counts["UnreadableSessions"] == 1

    def test_more_sessions_than_fit_one_read(self, world: World) -> None:
        speakers = [world.create_session()[0] for _ in range(103)]

        world.tick()

        assert [statuses(world, speaker) for speaker in speakers] == [[("periodic", 0)]] * 103


class TestSend:
    """Delivery of a single status."""

    def test_the_status_arrives_complete(self, world: World) -> None:
        speaker, session_id = world.create_session()
        set_audience(session_id, {"es": 2})
        asked = world.ask(speaker, "getSessionStatus")

        world.tick()

        (pushed,) = world.pushes(speaker, "sessionStatus")
        assert pushed == {**asked, "updateReason": "periodic"}

    def test_a_gone_speaker_is_counted_and_removed(self, world: World) -> None:
        speaker, session_id = world.create_session()
        world.sender.gone.add(speaker)

        world.tick()

        assert world.telemetry.by_dimensions["ConnectionErrors", "gone"] == 1
        assert world.telemetry.counts["PeriodicUpdatesSent"] == 0
        assert not world.session(session_id).speaker_connected

    def test_a_failed_or_late_status_is_counted_and_keeps_the_speaker(self, world: World) -> None:
        failing, session_id = world.create_session()
        dropping, other = world.create_session()
        world.sender.failing.add(failing)
        world.sender.dropping.add(dropping)

        world.tick()

        assert world.telemetry.by_dimensions["ConnectionErrors", "failed"] == 1
        assert world.telemetry.by_dimensions["ConnectionErrors", "dropped"] == 1
        assert world.session(session_id).speaker_connected
        assert world.session(other).speaker_connected

    def test_a_missing_endpoint_setting_is_named(self) -> None:
        environment = {**ENVIRONMENT, API_GATEWAY_ENDPOINT: ""}
        app = StatusApp(environment, telemetry=RecordingTelemetry())

        with pytest.raises(SettingsError, match="API_GATEWAY_ENDPOINT: missing"):
            _ = app.status_updates
