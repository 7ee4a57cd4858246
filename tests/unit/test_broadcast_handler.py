"""BroadcastHandler: counted outcomes, isolated failures, no exceptions.

Retries, backoff and concurrency are tested with the connection gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from shared.data_access.errors import StoreUnavailableError
from shared.fanout.audience import LanguageAudience
from shared.fanout.rosters import Roster
from shared.models.audio_format import AudioFormat
from shared.models.connection import Seat
from shared.models.session import Channel, Session
from shared.services.broadcast_handler import BroadcastHandler
from tests.helpers.doubles import ManualClock, RecordingTelemetry
from tests.helpers.fake_connections import FakeConnections

SESSION = Session(
    session_id="golden-eagle-427",
    owner="alice",
    speaker_connection_id="speaker",
    speaker_epoch=1,
    source_language="en",
    quality_tier="standard",
    audio_format=AudioFormat(),
    created_at=0,
    max_listeners=100,
    channels={"es": Channel(1, "human", "i-es")},
)


@dataclass
class Stage:
    """A handler with a roster set by the test."""

    clock: ManualClock = field(default_factory=ManualClock)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    seats: dict[str, Seat] = field(default_factory=dict)
    removed: list[tuple[str, str]] = field(default_factory=list)
    lookup_fails: bool = False
    lookup_takes_ms: int = 0
    removal_fails: bool = False
    removal_takes_ms: int = 0

    def __post_init__(self) -> None:
        self.sender = FakeConnections(self.clock)
        self.handler = BroadcastHandler(
            self.sender,
            self,
            remove_gone=self.remove,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @property
    def deadline_at(self) -> int:
        return self.clock.now_ms() + 400

    def of(self, _session_id: str, seat: Seat | None = None) -> Roster:
        self.clock.advance(self.lookup_takes_ms)
        if self.lookup_fails:
            raise StoreUnavailableError("query: ThrottlingException")
        return Roster.of(each for each in self.seats.items() if seat in {None, each[1]})

    def remove(self, session_id: str, connection_id: str) -> None:
        self.clock.advance(self.removal_takes_ms)
        self.removed.append((session_id, connection_id))
        if self.removal_fails:
            raise StoreUnavailableError("delete_item: ThrottlingException")

    def listeners(self, count: int, language: str = "es") -> list[str]:
        names = [f"{language}{number}" for number in range(count)]
        self.seats.update(dict.fromkeys(names, Seat("listener", language)))
        return names


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_no_listeners(stage: Stage) -> None:
    result = stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.deadline_at)

    assert (result.session_id, result.language) == ("golden-eagle-427", "es")
    assert (result.success_count, result.failure_count, result.stale_removed) == (0, 0, 0)
    assert result.error is None


@pytest.mark.parametrize("count", [1, 3, 100])
def test_every_listener_gets_the_message_once(stage: Stage, count: int) -> None:
    names = stage.listeners(count)

    result = stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.deadline_at)

    assert result.success_count == count
    assert sorted(stage.sender.recipients()) == sorted(names)


def test_audience_of_a_language_and_of_the_floor(stage: Stage) -> None:
    stage.seats = {
        "speaker": Seat("speaker"),
        "i-es": Seat("interpreter", "es"),
        "l-es": Seat("listener", "es"),
        "l-en": Seat("listener", "en"),
        "l-fr": Seat("listener", "fr"),
        "l-unknown": Seat("listener", "unknown"),
    }

    stage.handler.broadcast_to_language(SESSION, "en", b"floor", stage.deadline_at)
    assert set(stage.sender.recipients()) == {"i-es", "l-en", "l-fr", "l-unknown"}

    stage.handler.broadcast_to_language(SESSION, "es", b"spanish", stage.deadline_at)
    assert stage.sender.received("l-es") == [b"spanish"]
    assert stage.sender.received("i-es") == [b"floor"]


def test_mixed_outcomes_are_counted_separately(stage: Stage) -> None:
    names = stage.listeners(10)
    stage.sender.gone = set(names[:2])
    stage.sender.failing = set(names[2:5])
    stage.sender.dropping = {names[5]}

    result = stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.deadline_at)

    assert (
        result.success_count,
        result.stale_removed,
        result.failure_count,
        result.dropped_count,
    ) == (4, 2, 3, 1)
    assert stage.removed == [("golden-eagle-427", name) for name in names[:2]]


def test_failed_removal_changes_nothing_else(stage: Stage) -> None:
    names = stage.listeners(3)
    stage.sender.gone = set(names[:2])
    stage.removal_fails = True

    result = stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.deadline_at)

    assert (result.success_count, result.stale_removed) == (1, 2)
    assert len(stage.removed) == 2
    assert stage.telemetry.warnings == ["gone connection not removed"] * 2


def test_removals_end_before_the_next_chunk_of_200_ms(stage: Stage) -> None:
    names = stage.listeners(100)
    stage.sender.gone = set(names)
    stage.removal_takes_ms = 10
    started_at = stage.clock.now_ms()

    stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.deadline_at)

    assert stage.removed
    assert stage.clock.now_ms() - started_at < 200


def test_failed_lookup_is_in_the_result(stage: Stage) -> None:
    stage.lookup_fails = True

    result = stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.deadline_at)

    assert result.error == "listener query failed: query: ThrottlingException"
    assert result.success_count == 0
    assert stage.telemetry.counts["FanoutLookupFailed"] == 1


def test_languages_are_broadcast_in_parallel(stage: Stage) -> None:
    stage.listeners(2, "es")
    stage.listeners(3, "fr")

    deliveries = stage.handler.broadcast(
        [
            (LanguageAudience(SESSION, "es", stage), b"hola"),
            (LanguageAudience(SESSION, "en", stage), b"hello"),
        ],
        stage.deadline_at,
    )

    assert [(result.language, result.success_count) for result, _ in deliveries] == [
        ("es", 2),
        ("en", 3),
    ]
    assert stage.sender.received("fr0") == [b"hello"]


def test_one_failing_audience_does_not_stop_another(stage: Stage) -> None:
    @dataclass
    class Fixed:
        session_id: str
        label: str
        ids: Sequence[str] | None

        def connection_ids(self) -> Sequence[str]:
            if self.ids is None:
                raise StoreUnavailableError("query: down")
            return self.ids

    deliveries = stage.handler.broadcast(
        [(Fixed("s", "broken", None), b"x"), (Fixed("s", "whole", ["a", "b"]), b"y")],
        stage.deadline_at,
    )

    assert [(result.error is None, result.success_count) for result, _ in deliveries] == [
        (False, 0),
        (True, 2),
    ]


def test_duration_is_measured(stage: Stage) -> None:
    stage.listeners(1)
    stage.lookup_takes_ms = 37
    result = stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.deadline_at)

    assert result.duration_ms == pytest.approx(37, abs=0.01)
    assert stage.telemetry.durations == ["FanoutDuration"]


def test_passed_deadline_drops_all_recipients(stage: Stage) -> None:
    stage.listeners(3)

    result = stage.handler.broadcast_to_language(SESSION, "es", b"x", stage.clock.now_ms() - 1)

    assert (result.success_count, result.dropped_count) == (0, 3)
