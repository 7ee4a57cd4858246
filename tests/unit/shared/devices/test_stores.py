"""Stores of device sync over moto: devices, state, commands."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.devices.command_store import COMMAND_LIFETIME_SECONDS, SyncCommandStore
from shared.devices.device import DeviceRecord
from shared.devices.device_store import DeviceStore
from shared.devices.state_store import SyncStateStore
from shared.models.hlc import Hlc
from shared.protocol.device_messages import SyncMessage
from tests.helpers.database.tables import devices_table, dynamodb, moto_tables

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
CLOCKS = st.builds(Hlc, st.integers(0, 3), st.integers(0, 2), TEXTS)


@pytest.fixture(autouse=True)
def tables() -> Iterator[None]:
    with moto_tables():
        yield


def phone(connection_id: str | None, number: int = 1) -> DeviceRecord:
    return DeviceRecord(f"phone-{number}", "Phone", "phone", connection_id)


def watched(hlc: Hlc, content: str = "film", position: float = 1.0) -> SyncMessage:
    return SyncMessage(
        kind="progressUpdate",
        hlc=hlc,
        timestamp=5,
        content_id=content,
        position_seconds=position,
        duration_seconds=2.0,
    )


def commanded(timestamp: int = 1_700_000_000_000) -> SyncMessage:
    return SyncMessage(
        kind="deviceCommand",
        hlc=Hlc(1, 0, "x"),
        timestamp=timestamp,
        command="play",
        arguments={"rate": 0.1, "exact": 10**30},
    )


def online(devices: DeviceStore) -> list[tuple[str, str]]:
    return [found for bucket in devices.buckets() for found in devices.online(bucket)]


def test_coming_online_returns_the_replaced_connection() -> None:
    devices = DeviceStore(devices_table())

    assert devices.come_online("alice", phone("c1")) is None
    assert devices.come_online("alice", phone("c2")) == phone("c1")
    assert devices.devices_of("alice") == [phone("c2")]
    assert devices.devices_of("ali") == []
    assert online(devices) == [("alice", "phone-1")]
    assert devices.read([("alice", "phone-1"), ("bob", "phone-1")]) == [("alice", phone("c2"))]


def test_only_the_current_connection_takes_a_device_offline() -> None:
    devices = DeviceStore(devices_table())
    devices.come_online("alice", phone("c2"))

    assert not devices.go_offline("alice", "phone-1", "c1", 7)
    assert not devices.go_offline("alice", "phone-9", "c2", 7)
    assert devices.go_offline("alice", "phone-1", "c2", 7)
    assert not devices.go_offline("alice", "phone-1", "c2", 8)
    assert devices.devices_of("alice") == [DeviceRecord("phone-1", "Phone", "phone", None, 7)]
    assert online(devices) == []


def test_a_device_that_has_come_back_is_not_removed() -> None:
    devices = DeviceStore(devices_table())
    devices.come_online("alice", phone("c1"))
    devices.go_offline("alice", "phone-1", "c1", 7)
    (seen,) = devices.devices_of("alice")
    devices.come_online("alice", phone("c2"))

    assert not devices.remove("alice", seen)
    devices.go_offline("alice", "phone-1", "c2", 8)
    assert not devices.remove("alice", seen)
    (seen,) = devices.devices_of("alice")
    assert devices.remove("alice", seen)
    assert devices.devices_of("alice") == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(CLOCKS, min_size=1, max_size=6))
def test_the_latest_clock_wins_in_any_order(clocks: list[Hlc]) -> None:
    states, user = SyncStateStore(devices_table()), str(uuid.uuid4())
    latest: Hlc | None = None
    for hlc in clocks:
        current = states.write(user, watched(hlc))
        if latest is None or hlc > latest:
            assert current is None
            latest = hlc
        else:
            assert current is not None
            assert current.hlc == latest
    assert [message.hlc for _, message in states.after(user, "")] == [max(clocks)]


def test_reads_only_the_users_state_after_a_key() -> None:
    states, table = SyncStateStore(devices_table()), devices_table()
    DeviceStore(table).come_online("alice", phone("c1"))
    SyncCommandStore(table).add("alice", "an id", commanded())
    states.write("alicia", watched(Hlc(1, 0, "x")))
    names = ["b", "a\N{GRINNING FACE}", "a\0", "a"]
    for name in names:
        states.write("alice", watched(Hlc(1, 0, "x"), name))

    found = list(states.after("alice", ""))

    assert [message.content_id for _, message in found] == sorted(names)
    for number, (key, _) in enumerate(found):
        assert list(states.after("alice", key)) == found[number + 1 :]


def test_a_command_is_new_once_and_expires_after_a_day() -> None:
    commands = SyncCommandStore(devices_table())

    assert commands.find("alice", "an id") is None
    assert commands.add("alice", "an id", commanded()) is None
    known = commands.add("alice", "an id", commanded(timestamp=9))
    assert known is not None
    assert (known.message, known.delivered) == (commanded(), False)
    assert commands.find("bob", "an id") is None
    commands.mark_delivered("alice", "an id")
    commands.mark_delivered("alice", "no such id")
    known = commands.find("alice", "an id")
    assert known is not None
    assert known.delivered
    (row,) = dynamodb().scan(TableName="devices")["Items"]
    assert row["expiresAt"] == {"N": str(1_700_000_000 + COMMAND_LIFETIME_SECONDS)}
