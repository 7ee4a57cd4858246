"""sync: changes reach the user's other devices, ordered by their clocks."""

from __future__ import annotations

import pytest

from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.phones import Phone, device_id, phone
from tests.helpers.world import World


def test_a_change_reaches_only_the_users_other_devices(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, *others = three
    bob = phone(world, "bob", 2)
    hlc = one.clock()

    reply = one.watch("film", 12.5, hlc=hlc)

    assert reply == {
        "type": "syncAccepted",
        "kind": "progressUpdate",
        "applied": True,
        "delivered": 2,
    }
    for other in others:
        assert other.received() == [
            {
                "type": "syncMessage",
                "kind": "progressUpdate",
                "hlc": hlc,
                "timestamp": world.clock.now_ms(),
                "originDeviceId": one.device_id,
                "contentId": "film",
                "positionSeconds": 12.5,
                "durationSeconds": 7_200.0,
            }
        ]
    assert one.received() == []
    assert bob.received() == []
    assert bob.snapshot() == []
    assert world.telemetry.by_dimensions["SyncMessagesRelayed", "progressUpdate"] == 2
    assert world.telemetry.durations.count("SyncRelayDuration") == 1


def test_texts_and_arguments_arrive_unchanged(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, other, _ = three
    content = '<script>alert("1")</script>\0\x1b[2J\u202e\N{GRINNING FACE} '
    arguments = {
        "text": content,
        content: [1, 2.5, 10**30, None, True, {"deep": [{}]}],
        "small": 1e-200,
    }

    one.sync("watchlistUpdate", contentId=content, operation="add")
    one.command(other.device_id, "handoff", arguments=arguments)

    added, commanded = other.received()
    assert (added["contentId"], added["operation"]) == (content, "add")
    assert commanded["arguments"] == arguments
    assert other.snapshot()[0]["contentId"] == content


def test_the_later_clock_wins_in_any_order(world: World, three: tuple[Phone, Phone, Phone]) -> None:
    one, two, three_ = three
    now = world.clock.now_ms()
    late = {"wallMs": now, "counter": 1, "node": "b"}
    one.watch("film", 50, hlc=late)

    for hlc in (
        {"wallMs": now - 1, "counter": 9, "node": "z"},
        {"wallMs": now, "counter": 0, "node": "z"},
        {"wallMs": now, "counter": 1, "node": "a"},
    ):
        reply = two.watch("film", 10, hlc=hlc)
        assert (reply["applied"], reply["delivered"]) == (False, 0)
        assert reply["current"]["hlc"] == late
        assert reply["current"]["positionSeconds"] == 50
    assert len(three_.received()) == 1
    assert world.telemetry.counts["SyncConflicts"] == 3

    assert two.watch("film", 10, hlc={**late, "node": "ba"})["applied"] is True
    assert [item["positionSeconds"] for item in one.snapshot()] == [10]


def test_contents_and_kinds_are_independent(
    three: tuple[Phone, Phone, Phone],
) -> None:
    one, two, _ = three
    later, earlier = one.clock(), {"wallMs": 1, "counter": 0, "node": "x"}
    one.watch("film", hlc=later)

    assert two.watch("series", hlc=earlier)["applied"] is True
    added = two.sync("watchlistUpdate", hlc=earlier, contentId="film", operation="add")
    assert added["applied"] is True
    assert len(one.snapshot()) == 3


def test_a_repeated_change_is_relayed_again(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, _ = three
    hlc = one.clock()
    first = one.watch("film", hlc=hlc)

    assert one.watch("film", hlc=hlc) == first
    assert len(two.received()) == 2
    assert two.received()[0] == two.received()[1]
    assert world.telemetry.counts["SyncDuplicates"] == 1
    assert world.telemetry.counts["SyncConflicts"] == 0


def test_a_clock_cannot_be_reused_for_another_change(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, _ = three
    hlc = one.clock()
    one.watch("film", 1, hlc=hlc)

    reply = one.watch("film", 2, hlc=hlc)

    assert reply["applied"] is False
    assert reply["current"]["positionSeconds"] == 1
    assert len(two.received()) == 1


def test_a_retry_relays_after_a_crash(world: World) -> None:
    database = InterruptibleClient(dynamodb())
    world.use_dynamodb(database)
    one, two = phone(world, "alice", 1), phone(world, "alice", 2)
    one.watch("film")  # so that its device is cached, and a sync starts with its write
    hlc = one.clock()

    def die() -> None:
        raise RuntimeError("the function died")

    database.interrupt(die, after=1)
    assert one.watch("series", hlc=hlc)["code"] == "INTERNAL"
    assert len(two.received()) == 1

    assert one.watch("series", hlc=hlc)["delivered"] == 1
    assert two.received()[-1]["contentId"] == "series"


def test_a_device_that_registers_during_a_sync_gets_the_change(
    world: World,
) -> None:
    """Pushed or in its snapshot, whichever two calls of the sync it comes between."""
    database = InterruptibleClient(dynamodb())
    world.use_dynamodb(database)
    one = phone(world, "alice", 100)
    one.watch("warm")
    for calls in range(4):
        arrived: list[Phone] = []

        def arrive(number: int = calls, arrived: list[Phone] = arrived) -> None:
            arrived.append(phone(world, "alice", number + 1, since=0))

        database.interrupt(arrive, after=calls)
        one.watch(f"film-{calls}")
        if database.cancel():
            assert calls == 3, "a sync is one read, one write and one query"
            return
        (newcomer,) = arrived
        found = [item for page in newcomer.received("syncSnapshot") for item in page["items"]]
        known = {item["contentId"] for item in found + newcomer.received()}
        assert f"film-{calls}" in known
    pytest.fail("a sync makes more calls than were tried")


def test_a_gone_device_goes_offline_and_the_others_are_notified(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, gone = three
    world.sender.gone.add(gone.connection)

    reply = one.watch("film")

    assert reply["delivered"] == 1
    states = {
        item["deviceId"]: item["online"] for item in two.received("devicesChanged")[-1]["devices"]
    }
    assert states == {device_id(1): True, device_id(2): True, device_id(3): False}
    assert world.clean_ups.events == [{"connectionId": gone.connection}]
    posts = len(world.sender.posts)
    one.watch("film")
    assert len(world.sender.posts) == posts + 1


def test_a_failed_push_does_not_affect_other_devices(
    world: World, three: tuple[Phone, Phone, Phone]
) -> None:
    one, two, slow = three
    world.sender.failing.add(slow.connection)

    assert one.watch("film")["delivered"] == 1
    assert len(two.received()) == 1
    assert world.clean_ups.events == []


@pytest.mark.parametrize("ahead_ms", [60_000, 60_001])
def test_a_clock_may_be_at_most_a_minute_ahead(
    world: World, three: tuple[Phone, Phone, Phone], ahead_ms: int
) -> None:
    one, two, _ = three
    hlc = one.clock(world.clock.now_ms() + ahead_ms)

    reply = one.watch("film", hlc=hlc)

    if ahead_ms > 60_000:
        assert (reply["status"], reply["code"]) == (400, "CLOCK_SKEW")
        assert reply["message"].startswith("hlc.wallMs: 60001 ms ahead")
        assert (two.received(), two.snapshot()) == ([], [])
    else:
        assert reply["applied"] is True


def test_an_unregistered_connection_is_refused(world: World) -> None:
    two = phone(world, "alice", 2)
    stranger = Phone(world, device_id(1), world.connect("alice"), {})

    reply = stranger.watch("film")

    assert (reply["status"], reply["code"]) == (409, "DEVICE_NOT_REGISTERED")
    assert (two.received(), two.snapshot()) == ([], [])


def test_an_unavailable_table_is_a_retryable_error(world: World) -> None:
    one = phone(world, "alice", 1)
    dynamodb().delete_table(TableName="devices")

    reply = one.watch("film")

    assert (reply["status"], reply["code"], reply["retryable"]) == (503, "UNAVAILABLE", True)
