"""Statuses that changes of the audience bring about: few enough, soon enough, and the last one."""

from __future__ import annotations

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.session_statuses import SessionStatuses
from shared.models.audience_counts import AudienceChange, SentStatus, update_reason
from shared.services.status.status_trigger import StatusTrigger
from tests.helpers.audiences import sessions_table, set_audience
from tests.helpers.database.tables import dynamodb
from tests.helpers.doubles import ManualClock, RecordingTelemetry
from tests.helpers.fake_timers import FakeTimers
from tests.helpers.world import World


def told(world: World, speaker: str) -> list[tuple[str, int]]:
    return [
        (status["updateReason"], status["listenerCount"])
        for status in world.pushes(speaker, "sessionStatus")
    ]


def settle(world: World, most: int = 10) -> int:
    """Let timers ring until none is left; how many seconds that took."""
    for second in range(most):
        if not world.status_timers.set_:
            return second
        assert world.fire_status_timers() == {"batchItemFailures": []}
    raise AssertionError("timers never end")


class TestReasons:
    """When a change is worth a status."""

    def test_more_than_a_tenth_either_way(self) -> None:
        before = SentStatus(listener_count=100, languages=1)
        worth = {count for count in range(200) if update_reason(before, count, 1)}
        assert worth == {*range(90), *range(111, 200)}

    def test_the_first_listener_and_the_last(self) -> None:
        assert update_reason(SentStatus(), 0, 0) is None
        assert update_reason(SentStatus(), 1, 0) == "listenerCountChange"
        assert update_reason(SentStatus(1, 1), 0, 1) == "listenerCountChange"

    def test_a_counter_below_nothing_is_nobody(self) -> None:
        assert update_reason(SentStatus(), -1, 0) is None

    def test_a_new_language_whatever_the_count(self) -> None:
        assert update_reason(SentStatus(100, 1), 101, 2) == "newLanguage"


def test_a_join_is_told_a_second_later(world: World) -> None:
    speaker, session_id = world.create_session()

    world.listener(session_id, "es")

    assert told(world, speaker) == []
    assert [delay for _, delay in world.status_timers.set_] == [1]
    world.fire_status_timers()
    assert told(world, speaker) == [("newLanguage", 1)]
    # One timer more, which finds that nothing has changed.
    assert settle(world) == 1
    assert told(world, speaker) == [("newLanguage", 1)]


def test_the_speaker_s_own_language_is_new_to_no_session(world: World) -> None:
    speaker, session_id = world.create_session()

    world.listener(session_id, "en")
    settle(world)

    assert told(world, speaker) == [("listenerCountChange", 1)]


def test_a_language_is_new_once(world: World) -> None:
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 30})
    listener = world.listener(session_id, "fr")
    settle(world)
    world.ask(listener, "leaveSession")
    settle(world)

    world.listener(session_id, "fr")
    settle(world)

    # One of 31 is less than a tenth.
    assert told(world, speaker) == [("newLanguage", 31)]


def test_a_listener_who_changes_to_a_new_language_is_told(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "es")
    settle(world)

    world.ask(listener, "changeLanguage", targetLanguage="fr")
    settle(world)

    assert told(world, speaker)[-1] == ("newLanguage", 1)
    assert world.pushes(speaker, "sessionStatus")[-1]["languageDistribution"] == {"fr": 1}


def test_leaving_dropping_and_being_found_gone_are_told(world: World) -> None:
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

    assert told(world, speaker) == [
        ("newLanguage", 3),
        ("listenerCountChange", 2),
        ("listenerCountChange", 1),
        ("listenerCountChange", 0),
    ]


def test_many_at_once_are_told_once_a_second_and_the_last_status_has_them_all(
    world: World,
) -> None:
    speaker, session_id = world.create_session()
    for _ in range(25):
        world.listener(session_id)
    world.fire_status_timers()
    # Twenty more, of which the last two are less than a tenth of anything.
    for _ in range(18):
        world.listener(session_id)
    world.fire_status_timers()
    for _ in range(2):
        world.listener(session_id)

    settle(world)

    assert told(world, speaker) == [
        ("newLanguage", 25),
        ("listenerCountChange", 43),
        ("listenerCountChange", 45),
    ]


def test_one_timer_at_a_time_however_many_come(world: World) -> None:
    _, session_id = world.create_session()

    for _ in range(30):
        world.listener(session_id)

    assert len(world.status_timers.set_) == 1


def test_who_comes_and_goes_within_the_second_is_not_told(world: World) -> None:
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 1})
    world.tick()
    listeners = [world.listener(session_id, "es") for _ in range(3)]
    for listener in listeners:
        world.ask(listener, "leaveSession")

    settle(world)

    # But for the language, which no status has told of yet.
    assert told(world, speaker) == [("periodic", 1)]


def test_a_timer_that_rings_twice_is_told_once(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    (body,) = world.status_timers.bodies()
    world.fire_status_timers()
    world.listener(session_id)

    # The same message once more, while the session awaits another.
    world.status_timers.set_.clear()
    world.fire_status_timers(body)

    assert told(world, speaker) == [("newLanguage", 1)]


def test_a_periodic_status_counts_as_the_last_one(world: World) -> None:
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 40})
    world.tick()

    world.listener(session_id, "es")

    assert not world.status_timers.set_
    assert told(world, speaker) == [("periodic", 40)]


def test_nobody_is_told_while_the_speaker_is_away_or_after_the_end(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    world.disconnect(speaker)
    settle(world)
    assert told(world, speaker) == []

    other, ended = world.create_session()
    listener = world.listener(ended)
    world.ask(other, "endSession")
    world.disconnect(listener)
    settle(world)
    assert told(world, other) == []


def test_a_speaker_found_gone_gets_the_grace(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    world.sender.gone.add(speaker)

    settle(world)

    assert world.session(session_id).grace_until is not None
    assert world.connections.get(speaker) is None


def test_a_timer_that_cannot_be_set_fails_no_join_and_the_next_pass_tells(world: World) -> None:
    speaker, session_id = world.create_session()
    world.status_timers.failing = True

    world.listener(session_id)
    world.tick()

    assert told(world, speaker) == [("periodic", 1)]
    assert world.telemetry.warnings == ["status not triggered"]


def test_a_lost_timer_is_set_anew_after_half_a_minute(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    world.status_timers.set_.clear()

    world.clock.advance(29_000)
    world.listener(session_id)
    assert not world.status_timers.set_

    world.clock.advance(2_000)
    world.listener(session_id)
    settle(world)
    assert told(world, speaker) == [("newLanguage", 3)]


def test_a_session_that_cannot_be_written_fails_nobody() -> None:
    class Broken(SessionStatuses):
        def arm(self, session_id: str, now_ms: int, lost_before_ms: int) -> bool:
            raise StoreUnavailableError("update_item: test")

    telemetry = RecordingTelemetry()
    timers = FakeTimers()  # type: ignore[var-annotated]
    statuses = Broken(sessions_table())
    trigger = StatusTrigger(statuses, timers, ManualClock(), telemetry)

    trigger.on_counts_changed(AudienceChange("golden-eagle-001", True, 5, 1, SentStatus()))

    assert telemetry.warnings == ["status not triggered"]
    assert timers.set_ == []


def test_a_join_that_triggers_nothing_costs_one_write_of_the_session(world: World) -> None:
    """No read and no second write: what the trigger needs comes with the count's own answer."""
    speaker, session_id = world.create_session()
    set_audience(session_id, {"es": 40})
    world.tick()
    before = dynamodb().get_item(TableName="sessions", Key={"sessionId": {"S": session_id}})["Item"]

    world.listener(session_id, "es")

    after = dynamodb().get_item(TableName="sessions", Key={"sessionId": {"S": session_id}})["Item"]
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    marks = {name for name in changed if name.startswith("~")}  # of the write itself
    assert changed - marks == {"listenerCount", "languageCounts"}
    assert told(world, speaker) == [("periodic", 40)]
