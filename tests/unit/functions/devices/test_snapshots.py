"""getSyncSnapshot: missed changes, in pages that fit a frame."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.devices.cursor import Cursor
from shared.devices.state_store import SyncStateStore
from shared.models.errors import ValidationError
from shared.models.hlc import Hlc
from shared.protocol.device_messages import SyncMessage
from tests.helpers.clients import Message
from tests.helpers.database.tables import devices_table
from tests.helpers.phones import Phone, phone
from tests.helpers.world import World

MAX_PAGE_BYTES = 24 * 1024
# All possible keys of state rows.
KEYS = st.builds(
    lambda kind, content: f"{kind}#{content}",
    st.sampled_from(["watchlistUpdate", "progressUpdate"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128),
)
TIMES = st.integers(0, 2**53 - 1)


def pages(device: Phone, **fields: Any) -> list[Message]:
    found = [device.world.ask(device.connection, "getSyncSnapshot", **fields)]
    while found[-1]["cursor"] is not None:
        assert len(found) < 100
        found.append(
            device.world.ask(device.connection, "getSyncSnapshot", cursor=found[-1]["cursor"])
        )
    return found


def contents(items: list[Message]) -> list[str]:
    return [item["contentId"] for item in items]


def test_contains_the_winner_of_each_content_and_no_commands(world: World) -> None:
    one, two = phone(world, "alice", 1), phone(world, "alice", 2)
    one.watch("film", 1)
    one.watch("film", 2)
    one.sync("watchlistUpdate", contentId="film", operation="remove")
    one.command(two.device_id)

    items = two.snapshot()

    assert [item["kind"] for item in items] == ["progressUpdate", "watchlistUpdate"]
    assert (items[0]["positionSeconds"], items[1]["operation"]) == (2, "remove")
    # Items equal the pushes that the device would have received.
    assert items == two.received()[1:3]


def test_contains_changes_since_a_time_minus_the_overlap(world: World) -> None:
    one = phone(world, "alice", 1)
    one.watch("old")
    world.clock.advance(60_001)
    one.watch("overlapping")
    world.clock.advance(60_000)
    since = world.clock.now_ms()
    one.watch("new")

    (page,) = pages(one, since=since)

    assert contents(page["items"]) == ["new", "overlapping"]
    assert page["timestamp"] == since


def test_pages_contain_everything_once_within_the_size_limit(world: World) -> None:
    one = phone(world, "alice", 1)
    # Each character takes six bytes as JSON; ids have the maximum length.
    names = [f"{number:03d}" + "\x01" * 125 for number in range(60)]
    for name in names:
        one.sync("watchlistUpdate", contentId=name, operation="add")

    found = pages(one, requestId="r" * 64)

    assert len(found) >= 3
    for page in found:
        size = len(json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode())
        assert size <= MAX_PAGE_BYTES
        assert page["items"]
    # Pages are nearly full.
    assert sum(len(json.dumps(page)) for page in found[:-1]) > 20_000 * (len(found) - 1)
    assert contents([item for page in found for item in page["items"]]) == names


def test_all_pages_carry_the_time_of_the_first(world: World) -> None:
    one = phone(world, "alice", 1)
    for number in range(150):
        one.watch(f"{number:03d}")
    first = world.ask(one.connection, "getSyncSnapshot")
    world.clock.advance(10_000)
    one.watch("000", 99)
    world.clock.advance(90_000)

    second = world.ask(one.connection, "getSyncSnapshot", cursor=first["cursor"])

    assert second["cursor"] is None
    assert second["timestamp"] == first["timestamp"]
    # So a request for changes since then includes changes made behind the first page.
    changed = {item["contentId"]: item for item in one.snapshot(since=second["timestamp"])}
    assert changed["000"]["positionSeconds"] == 99


def test_very_many_contents_take_several_pages(
    world: World,
) -> None:
    one = phone(world, "alice", 1)
    states = SyncStateStore(devices_table())
    hlc = Hlc(1, 0, "x")
    for number in range(2_010):
        message = SyncMessage(kind="progressUpdate", hlc=hlc, timestamp=1, content_id=f"{number}")
        states.write("alice", message)
    one.watch("zz latest")

    found = pages(one, since=world.clock.now_ms())

    assert [len(page["items"]) for page in found] == [0, 1]


def test_registering_with_since_pushes_the_first_page(world: World) -> None:
    phone(world, "alice", 1).watch("film")

    back = phone(world, "alice", 2, since=0)
    without_since = phone(world, "alice", 3)

    (page,) = back.received("syncSnapshot")
    assert contents(page["items"]) == ["film"]
    assert page["timestamp"] == back.registered["timestamp"]
    assert without_since.received("syncSnapshot") == []


def test_users_cannot_read_each_others_state(world: World) -> None:
    alice = phone(world, "alice", 1)
    for number in range(150):
        alice.watch(f"secret-{number}")
    cursor = world.ask(alice.connection, "getSyncSnapshot")["cursor"]
    mallory = phone(world, "mallory", 1, since=0)

    assert mallory.received("syncSnapshot")[0]["items"] == []
    for fields in ({}, {"since": 0}, {"cursor": cursor}):
        reply = world.ask(mallory.connection, "getSyncSnapshot", **fields)
        assert reply["items"] == []
    # Nor can a user whose name is a prefix of another's.
    assert phone(world, "alic", 1).snapshot() == []


def b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "\N{GRINNING FACE}",
        b64("1.2"),
        b64("1.2.3"),
        b64("-1.2.a#b"),
        b64("1.2.#b"),
    ],
)
def test_an_invalid_cursor_is_refused(world: World, cursor: str) -> None:
    one = phone(world, "alice", 1)

    reply = world.ask(one.connection, "getSyncSnapshot", cursor=cursor)

    assert reply["code"] == "INVALID_SYNC"
    assert reply["message"].startswith("cursor: not a cursor of this service")


def test_a_cursor_that_is_too_long_is_refused(world: World) -> None:
    one = phone(world, "alice", 1)

    reply = world.ask(one.connection, "getSyncSnapshot", cursor="x" * 1_025)

    assert (reply["code"], reply["message"][:6]) == ("INVALID_MESSAGE", "cursor")


@given(TIMES, TIMES, KEYS)
def test_cursors_round_trip_and_fit_a_request(since: int, began: int, key: str) -> None:
    cursor = Cursor(since, began, key)

    assert Cursor.parse(str(cursor)) == cursor
    assert len(str(cursor)) <= 1_024


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
@example("MS4yLmEjYg")
def test_any_text_is_parsed_or_refused(text: str) -> None:
    codes: list[str] = []
    try:
        cursor = Cursor.parse(text)
        assert Cursor.parse(str(cursor)) == cursor
    except ValidationError as error:
        codes.append(error.code)
    assert codes in ([], ["INVALID_SYNC"])
