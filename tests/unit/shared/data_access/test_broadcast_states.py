"""Broadcast states in the sessions table: races, versions and permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from shared.data_access.broadcast_states import BroadcastStates
from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.table import Table
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.errors import LingocastError
from shared.models.session import Session
from tests.helpers.database.tables import SESSIONS, dynamodb, moto_tables, sessions_repository

NOW = 1_700_000_000_000
SESSION = Session(
    session_id="golden-eagle-427",
    owner="alice",
    speaker_connection_id="c1",
    speaker_epoch=1,
    source_language="en",
    quality_tier="premium",
    audio_format=AudioFormat(),
    created_at=NOW,
    max_listeners=2,
    broadcast_state=BroadcastState(last_state_change=NOW),
)
ID = SESSION.session_id


class Contended:
    """A table in which another write comes before each of ours, while there are any."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.intrusions: list[Callable[[], object]] = []
        self.updates = 0

    def get(self, key: str) -> dict[str, Any] | None:
        return self._table.get(key)

    def update(self, *arguments: Any, **named: Any) -> Any:
        self.updates += 1
        if self.intrusions:
            self.intrusions.pop(0)()
        return self._table.update(*arguments, **named)


@pytest.fixture
def sessions() -> Iterator[SessionsRepository]:
    with moto_tables():
        repository = sessions_repository()
        repository.create(SESSION)
        yield repository


def table() -> Table:
    return Table(dynamodb(), SESSIONS, schema.SESSION_ID)


@pytest.fixture
def states(sessions: SessionsRepository) -> BroadcastStates:
    return BroadcastStates(table())


@pytest.fixture
def contended(sessions: SessionsRepository) -> Contended:
    return Contended(table())


def stored(sessions: SessionsRepository) -> Session:
    session = sessions.get(ID)
    assert session is not None
    return session


def test_each_change_returns_and_stores_the_new_state(
    sessions: SessionsRepository, states: BroadcastStates
) -> None:
    expected = SESSION.broadcast_state
    for name, change, transition in (
        ("pause", states.pause_broadcast, BroadcastState.pause),
        ("mute", states.mute_broadcast, BroadcastState.mute),
        ("resume", states.resume_broadcast, BroadcastState.resume),
        ("unmute", states.unmute_broadcast, BroadcastState.unmute),
    ):
        expected = transition(expected, NOW + 5)
        assert change(stored(sessions), "c1", NOW + 5) == expected, name
        assert states.get_broadcast_state(ID) == expected, name
    louder = states.set_broadcast_volume(stored(sessions), "c1", NOW + 50, 0.25)
    assert louder == BroadcastState(volume=0.25, last_state_change=NOW + 50)
    assert stored(sessions).broadcast_state == louder


def test_an_unknown_session_has_no_state(states: BroadcastStates) -> None:
    assert states.get_broadcast_state("calm-otter-404") is None


def test_a_session_without_a_state_has_the_default_and_accepts_changes(
    sessions: SessionsRepository, states: BroadcastStates
) -> None:
    dynamodb().update_item(
        TableName=SESSIONS,
        Key={schema.SESSION_ID: {"S": ID}},
        UpdateExpression="REMOVE broadcastState",
    )

    assert states.get_broadcast_state(ID) == BroadcastState()
    paused = states.pause_broadcast(stored(sessions), "c1", NOW)
    assert paused == BroadcastState(is_paused=True, last_state_change=NOW)
    assert stored(sessions).broadcast_state == paused


def test_a_session_without_a_state_can_be_ended(sessions: SessionsRepository) -> None:
    dynamodb().update_item(
        TableName=SESSIONS,
        Key={schema.SESSION_ID: {"S": ID}},
        UpdateExpression="REMOVE broadcastState",
    )

    assert sessions.end(ID, "c1", NOW + 1)

    assert stored(sessions).broadcast_state == BroadcastState(
        is_active=False, last_state_change=NOW + 1
    )


def test_the_end_raises_the_version_even_if_the_clock_is_behind(
    sessions: SessionsRepository, states: BroadcastStates
) -> None:
    states.pause_broadcast(SESSION, "c1", NOW + 9)

    assert sessions.end(ID, "c1", NOW + 1)

    assert stored(sessions).broadcast_state == BroadcastState(
        is_active=False, is_paused=True, last_state_change=NOW + 10
    )


def test_a_stale_state_is_not_written(states: BroadcastStates) -> None:
    muted = SESSION.broadcast_state.mute(NOW + 1)

    assert states.update_broadcast_state(SESSION, "c1", NOW + 1, muted)
    assert not states.update_broadcast_state(
        SESSION, "c1", NOW + 2, SESSION.broadcast_state.pause(NOW + 2)
    )
    assert states.get_broadcast_state(ID) == muted


def test_two_concurrent_changes_are_both_applied(
    sessions: SessionsRepository, states: BroadcastStates, contended: Contended
) -> None:
    contended.intrusions = [lambda: states.mute_broadcast(SESSION, "c1", NOW + 7)]

    paused = BroadcastStates(contended).pause_broadcast(SESSION, "c1", NOW + 1)  # type: ignore[arg-type]

    # The second change is newer although its clock is behind.
    assert paused == BroadcastState(is_paused=True, is_muted=True, last_state_change=NOW + 8)
    assert stored(sessions).broadcast_state == paused
    assert contended.updates == 2


def test_endless_races_raise_unavailable(states: BroadcastStates, contended: Contended) -> None:
    volumes = [number / 100 for number in range(50)]
    contended.intrusions = [
        lambda volume=volume: states.set_broadcast_volume(SESSION, "c1", NOW, volume)  # type: ignore[misc]
        for volume in volumes
    ]

    with pytest.raises(LingocastError, match="UNAVAILABLE"):
        BroadcastStates(contended).pause_broadcast(SESSION, "c1", NOW)  # type: ignore[arg-type]

    assert contended.updates < len(volumes)


def test_a_change_without_effect_writes_nothing(contended: Contended) -> None:
    states = BroadcastStates(contended)  # type: ignore[arg-type]

    assert states.resume_broadcast(SESSION, "c1", NOW + 9) == SESSION.broadcast_state
    assert contended.updates == 0


def test_a_change_costs_one_write(contended: Contended) -> None:
    BroadcastStates(contended).pause_broadcast(SESSION, "c1", NOW + 9)  # type: ignore[arg-type]

    assert contended.updates == 1


def test_only_the_present_speaker_changes_the_state(
    sessions: SessionsRepository, states: BroadcastStates, contended: Contended
) -> None:
    assert states.pause_broadcast(SESSION, "c2", NOW) is None
    # Another connection takes the floor between the read and the write.
    contended.intrusions = [lambda: sessions.take_floor(SESSION, "c2")]
    assert BroadcastStates(contended).pause_broadcast(SESSION, "c1", NOW) is None  # type: ignore[arg-type]
    assert states.get_broadcast_state(ID) == SESSION.broadcast_state


def test_an_absent_speaker_changes_nothing(
    sessions: SessionsRepository, states: BroadcastStates, contended: Contended
) -> None:
    contended.intrusions = [lambda: sessions.start_grace(ID, "c1", NOW + 60_000)]

    assert BroadcastStates(contended).mute_broadcast(SESSION, "c1", NOW) is None  # type: ignore[arg-type]
    assert states.mute_broadcast(replace(SESSION, grace_until=NOW), "c1", NOW) is None
    assert states.get_broadcast_state(ID) == SESSION.broadcast_state


def test_an_ended_session_is_not_changed(
    sessions: SessionsRepository, states: BroadcastStates, contended: Contended
) -> None:
    contended.intrusions = [lambda: sessions.end(ID, "c1", NOW + 1)]

    assert BroadcastStates(contended).pause_broadcast(SESSION, "c1", NOW + 2) is None  # type: ignore[arg-type]
    assert stored(sessions).broadcast_state == BroadcastState(
        is_active=False, last_state_change=NOW + 1
    )


def test_a_deleted_session_accepts_no_change(states: BroadcastStates) -> None:
    unknown = replace(SESSION, session_id="calm-otter-404")

    assert states.pause_broadcast(unknown, "c1", NOW) is None


def test_the_time_of_resumed_audio_is_stored(
    sessions: SessionsRepository, states: BroadcastStates
) -> None:
    for at_ms, change in enumerate(
        (states.pause_broadcast, states.mute_broadcast, states.resume_broadcast), NOW + 1
    ):
        change(stored(sessions), "c1", at_ms)
        assert stored(sessions).audible_since == 0
    states.unmute_broadcast(stored(sessions), "c1", NOW + 9)
    states.set_broadcast_volume(stored(sessions), "c1", NOW + 20, 0.5)

    assert stored(sessions).audible_since == NOW + 9
