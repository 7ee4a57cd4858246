"""Broadcast state: defaults, transitions and serialisation."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from shared.models.broadcast_state import BroadcastState
from shared.models.errors import ValidationError

NOW = 1_700_000_000_000

states = st.builds(
    BroadcastState,
    is_active=st.booleans(),
    is_paused=st.booleans(),
    is_muted=st.booleans(),
    volume=st.floats(0, 1),
    last_state_change=st.integers(0, 2**53 - 1),
)


def test_the_default_state_broadcasts_at_full_volume() -> None:
    state = BroadcastState()

    assert (state.is_active, state.is_paused, state.is_muted) == (True, False, False)
    assert (state.volume, state.last_state_change) == (1.0, 0)
    assert state.is_broadcasting()


def test_all_values_can_be_set() -> None:
    state = BroadcastState(
        is_active=False, is_paused=True, is_muted=True, volume=0.25, last_state_change=NOW
    )

    assert (state.is_active, state.is_paused, state.is_muted) == (False, True, True)
    assert (state.volume, state.last_state_change) == (0.25, NOW)


@pytest.mark.parametrize("volume", [0, 0.0, -0.0, 0.5, 1, 1.0])
def test_valid_volumes(volume: float) -> None:
    state = BroadcastState(volume=volume)

    assert state.volume == volume
    assert json.dumps(state.volume) in {"0.0", "0.5", "1.0"}


@pytest.mark.parametrize(
    "volume", [-0.1, 1.01, float("nan"), float("inf"), float("-inf"), 10**400, True, "1", None]
)
@pytest.mark.parametrize(
    "attempt",
    [
        lambda volume: BroadcastState(volume=volume),
        lambda volume: BroadcastState().set_volume(volume, NOW),
    ],
    ids=["new", "set"],
)
def test_invalid_volumes_are_refused_with_the_field(
    volume: object, attempt: Callable[[object], BroadcastState]
) -> None:
    with pytest.raises(ValidationError) as caught:
        attempt(volume)

    assert (caught.value.code, caught.value.field) == ("INVALID_VOLUME", "volume")
    assert "0.0 to 1.0" in caught.value.reason


def test_a_state_is_immutable() -> None:
    state = BroadcastState()

    with pytest.raises(AttributeError):
        state.is_paused = True  # type: ignore[misc]
    assert not state.is_paused


def test_pause_returns_a_new_state() -> None:
    state = BroadcastState()

    paused = state.pause(NOW)

    assert paused == BroadcastState(is_paused=True, last_state_change=NOW)
    assert state == BroadcastState()


def test_resume_ends_the_pause() -> None:
    paused = BroadcastState(is_paused=True, last_state_change=NOW)

    assert paused.resume(NOW + 9) == BroadcastState(last_state_change=NOW + 9)


def test_mute_returns_a_new_state() -> None:
    state = BroadcastState(volume=0.5)

    assert state.mute(NOW) == BroadcastState(is_muted=True, volume=0.5, last_state_change=NOW)
    assert not state.is_muted


def test_unmute_ends_the_mute() -> None:
    muted = BroadcastState(is_muted=True, last_state_change=NOW)

    assert muted.unmute(NOW + 9) == BroadcastState(last_state_change=NOW + 9)


def test_set_volume_changes_only_the_volume() -> None:
    state = BroadcastState(is_muted=True, last_state_change=NOW)

    assert state.set_volume(0.3, NOW + 9) == BroadcastState(
        is_muted=True, volume=0.3, last_state_change=NOW + 9
    )
    assert state.volume == 1.0


def test_pause_and_mute_are_independent() -> None:
    both = BroadcastState().pause(NOW).mute(NOW + 1)

    assert not both.resume(NOW + 2).is_broadcasting()
    assert not both.unmute(NOW + 2).is_broadcasting()
    assert both.resume(NOW + 2).unmute(NOW + 3).is_broadcasting()


@pytest.mark.parametrize(
    ("active", "paused", "muted", "broadcasting"),
    [
        (True, False, False, True),
        (True, True, False, False),
        (True, False, True, False),
        (True, True, True, False),
        (False, False, False, False),
        (False, True, True, False),
    ],
)
def test_is_broadcasting(active: bool, paused: bool, muted: bool, broadcasting: bool) -> None:
    state = BroadcastState(is_active=active, is_paused=paused, is_muted=muted)

    assert state.is_broadcasting() is broadcasting


def test_volume_zero_is_not_a_pause() -> None:
    assert BroadcastState(volume=0.0).is_broadcasting()


def test_an_ended_broadcast_stays_silent() -> None:
    ended = BroadcastState(volume=0.5, last_state_change=NOW).end(NOW + 1)

    assert ended == BroadcastState(is_active=False, volume=0.5, last_state_change=NOW + 1)
    assert not ended.resume(NOW + 2).unmute(NOW + 3).is_broadcasting()


def test_to_dict_uses_wire_names() -> None:
    state = BroadcastState(is_paused=True, volume=0.5, last_state_change=NOW)

    assert state.to_dict() == {
        "isActive": True,
        "isPaused": True,
        "isMuted": False,
        "volume": 0.5,
        "lastStateChange": NOW,
    }


def test_from_dict_accepts_decimals() -> None:
    values = {
        "isActive": True,
        "isPaused": False,
        "isMuted": True,
        "volume": Decimal("0.3"),
        "lastStateChange": Decimal(NOW),
    }

    state = BroadcastState.from_dict(values)

    assert state == BroadcastState(is_muted=True, volume=0.3, last_state_change=NOW)
    assert (type(state.volume), type(state.last_state_change)) == (float, int)
    assert BroadcastState.from_dict({"volume": Decimal(1)}).volume == 1.0


def test_missing_values_get_defaults() -> None:
    assert BroadcastState.from_dict({}) == BroadcastState()
    assert BroadcastState.from_dict({"isMuted": True}) == BroadcastState(is_muted=True)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"volume": Decimal("1.5")}, "volume"),
        ({"volume": "loud"}, "volume"),
        ({"volume": True}, "volume"),
        ({"isPaused": "yes"}, "isPaused"),
        ({"lastStateChange": Decimal("1.5")}, "lastStateChange"),
    ],
)
def test_from_dict_names_the_invalid_field(values: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        BroadcastState.from_dict(values)


@given(states)
def test_round_trip_through_dynamodb(state: BroadcastState) -> None:
    stored = {
        key: Decimal(str(value)) if isinstance(value, float) else value
        for key, value in state.to_dict().items()
    }
    item = TypeDeserializer().deserialize(TypeSerializer().serialize(stored))

    assert BroadcastState.from_dict(item) == state
    assert BroadcastState.from_dict(state.to_dict()) == state


@given(states)
def test_round_trip_through_json(state: BroadcastState) -> None:
    assert msgspec.json.decode(msgspec.json.encode(state), type=BroadcastState) == state


Transition = Callable[[BroadcastState, int], BroadcastState]


@given(
    states,
    st.sampled_from(
        [
            BroadcastState.pause,
            BroadcastState.resume,
            BroadcastState.mute,
            BroadcastState.unmute,
            BroadcastState.end,
            lambda state, at: state.set_volume(0.5, at),
        ]
    ),
    st.integers(0, 2**53),
)
def test_a_change_raises_the_version_and_its_repetition_does_not(
    state: BroadcastState, transition: Transition, at_ms: int
) -> None:
    """This holds even if the clock is behind or stands still."""
    changed = transition(state, at_ms)

    assert changed == state or changed.last_state_change > state.last_state_change
    assert transition(changed, at_ms + 1) == changed
