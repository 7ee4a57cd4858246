"""Triggered statuses: at most one a second, and the last state is always sent."""

from __future__ import annotations

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.session_statuses import SessionStatuses
from shared.models.audience_counts import AudienceChange, SentStatus, update_reason
from shared.services.status.status_trigger import StatusTrigger
from tests.helpers.audiences import sessions_table, set_audience, statuses
from tests.helpers.database.tables import dynamodb
from tests.helpers.doubles import ManualClock, RecordingTelemetry
from tests.helpers.fake_timers import FakeTimers
from tests.helpers.world import World


def settle(world: World, most: int = 10) -> int:
    """Run timers until none is left; returns the seconds that took."""
    for second in range(most):
        if not world.status_timers.set_:
            return second
        assert world.fire_status_timers() == {"batchItemFailures": []}
    raise AssertionError("timers never end")


class TestReasons:
    """Changes that trigger a status."""

    def test_a_change_of_more_than_a_tenth(self) -> None:
        before = SentStatus(listener_count=100, languages=1)
        worth = {count for count in range(200) if update_reason(before, count, 1)}
        assert worth == {*range(90), *range(111, 200)}

    def test_the_first_and_the_last_listener(self) -> None:
        assert update_reason(SentStatus(), 0, 0) is None
        assert update_reason(SentStatus(), 1, 0) == "listenerCountChange"
        assert update_reason(SentStatus(1, 1), 0, 1) == "listenerCountChange"

    def test_a_negative_counter_counts_as_zero(self) -> None:
        assert update_reason(SentStatus(), -1, 0) is None

    def test_a_new_language_at_any_count(self) -> None:
        assert update_reason(SentStatus(100, 1), 101, 2) == "newLanguage"


def test_a_join_triggers_a_status_a_second_later(world: World) -> None:
    speaker, session_id = world.create_session()

    world.listener(session_id, "es")

    assert statuses(world, speaker) == []
    assert [delay for _, delay in world.status_timers.set_] == [1]
    world.fire_status_timers()
    assert statuses(world, speaker) == [("newLanguage", 1)]
    # One more timer, which finds no change.
    assert settle(world) == 1
    assert statuses(world, speaker) == [("newLanguage", 1)]


def test_the_speakers_own_language_is_never_new(world: World) -> None:
    speaker, session_id = world.create_session()

    world.listener(session_id, "en")
    settle(world)

    assert statuses(world, speaker) == [("listenerCountChange", 1)]


def test_a_language_is_new_once(world: World) -> None:
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 30})
    listener = world.listener(session_id, "fr")
    settle(world)
    world.ask(listener, "leaveSession")
    settle(world)

    world.listener(session_id, "fr")
    settle(world)

    # One of 31 is less than 10 %.
    assert statuses(world, speaker) == [("newLanguage", 31)]


def test_changing_to_a_new_language_triggers_a_status(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    settle(world)

    world.ask(listener, "changeLanguage", targetLanguage="fr")
    settle(world)

    assert statuses(world, speaker)[-1] == ("newLanguage", 1)
    assert world.pushes(speaker, "sessionStatus")[-1]["languageDistribution"] == {"fr": 1}


def test_leaving_disconnecting_and_being_found_gone_trigger_a_status(world: World) -> None:
    speaker, session_id = world.create_session()
    listeners = [world.listener(session_id, "es") for _ in range(3)]
    settle(world)

    world.ask(listeners[0], "leaveSession")
    settle(world)
    world.disconnect(listeners[1])
    settle(world)
    world.sender.gone.add(listeners[2])
    world.send_audio(speaker)
    settle(world)

    assert statuses(world, speaker) == [
        ("newLanguage", 3),
        ("listenerCountChange", 2),
        ("listenerCountChange", 1),
        ("listenerCountChange", 0),
    ]


def test_many_joins_trigger_one_status_a_second_and_the_last_is_complete(
    world: World,
) -> None:
    speaker, session_id = world.create_session()
    for _ in range(25):
        world.listener(session_id)
    world.fire_status_timers()
    # Twenty more; the last two alone are less than 10 %.
    for _ in range(18):
        world.listener(session_id)
    world.fire_status_timers()
    for _ in range(2):
        world.listener(session_id)

    settle(world)

    assert statuses(world, speaker) == [
        ("newLanguage", 25),
        ("listenerCountChange", 43),
        ("listenerCountChange", 45),
    ]


def test_many_joins_set_one_timer_at_a_time(world: World) -> None:
    _, session_id = world.create_session()

    for _ in range(30):
        world.listener(session_id)

    assert len(world.status_timers.set_) == 1


def test_a_join_and_leave_within_the_second_sends_nothing(world: World) -> None:
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 1})
    world.tick()
    listeners = [world.listener(session_id, "es") for _ in range(3)]
    for listener in listeners:
        world.ask(listener, "leaveSession")

    settle(world)

    # Except for the language, which no status has reported yet.
    assert statuses(world, speaker) == [("periodic", 1)]


def test_a_repeated_timer_sends_one_status(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    (body,) = world.status_timers.bodies()
    world.fire_status_timers()
    world.listener(session_id)

    # The same message again, while another status is pending.
    world.status_timers.set_.clear()
    world.fire_status_timers(body)

    assert statuses(world, speaker) == [("newLanguage", 1)]


def test_a_periodic_status_counts_as_the_last_one(world: World) -> None:
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 40})
    world.tick()

    world.listener(session_id, "es")

    assert not world.status_timers.set_
    assert statuses(world, speaker) == [("periodic", 40)]


def test_nothing_is_sent_while_the_speaker_is_away_or_after_the_end(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    world.disconnect(speaker)
    settle(world)
    assert statuses(world, speaker) == []

    other, ended = world.create_session()
    listener = world.listener(ended)
    world.ask(other, "endSession")
    world.disconnect(listener)
    settle(world)
    assert statuses(world, other) == []


def test_a_speaker_found_gone_enters_the_grace_period(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    world.sender.gone.add(speaker)

    settle(world)

    assert world.session(session_id).grace_until is not None
    assert world.connections.get(speaker) is None


def test_a_timer_that_cannot_be_set_does_not_fail_the_join(world: World) -> None:
    speaker, session_id = world.create_session()
    world.status_timers.failing = True

    world.listener(session_id)
    world.tick()

    assert statuses(world, speaker) == [("periodic", 1)]
    assert world.telemetry.warnings == ["status not triggered"]


def test_a_lost_timer_is_replaced_after_half_a_minute(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    world.status_timers.set_.clear()

    world.clock.advance(29_000)
    world.listener(session_id)
    assert not world.status_timers.set_

    world.clock.advance(2_000)
    world.listener(session_id)
    settle(world)
    assert statuses(world, speaker) == [("newLanguage", 3)]


def test_a_failed_session_write_does_not_fail_the_join() -> None:
    class Broken(SessionStatuses):
        def arm(self, session_id: str, now_ms: int, lost_before_ms: int) -> bool:
            raise StoreUnavailableError("update_item: test")

    telemetry = RecordingTelemetry()
    timers = FakeTimers()  # type: ignore[var-annotated]
    trigger = StatusTrigger(Broken(sessions_table()), timers, ManualClock(), telemetry)

    trigger.on_counts_changed(AudienceChange("golden-eagle-001", True, 5, 1, SentStatus()))

    assert telemetry.warnings == ["status not triggered"]
    assert timers.set_ == []


def test_a_join_that_triggers_nothing_costs_one_write_of_the_session(world: World) -> None:
    """No read and no second write: the counter update returns what the trigger needs."""
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 40})
    world.tick()
    before = dynamodb().get_item(TableName="sessions", Key={"sessionId": {"S": session_id}})["Item"]

    world.listener(session_id, "es")

    after = dynamodb().get_item(TableName="sessions", Key={"sessionId": {"S": session_id}})["Item"]
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    marks = {name for name in changed if name.startswith("~")}  # write ids
    assert changed - marks == {"listenerCount", "languageCounts"}
    assert statuses(world, speaker) == [("periodic", 40)]
