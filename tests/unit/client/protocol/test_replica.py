"""Replicas converge under loss, duplication and reordering."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.protocol.replica import DeviceReplica, Progress
from shared.models.hlc import Hlc
from shared.protocol.device_messages import Sync, SyncAccepted, SyncMessage, SyncSnapshot
from tests.helpers.depth import examples
from tests.unit.client.support import T0
from tests.unit.client.sync_model import SyncModel
from tests.unit.client.sync_simulation import CLOCKS, CONTENTS, STORIES, Simulation, Story


def replica(name: str = "laptop", now_ms: int = T0) -> DeviceReplica:
    return DeviceReplica(name, lambda: now_ms)


def told(change: Sync, origin: str = "phone", timestamp: int = T0) -> SyncMessage:
    """Convert one device's change to the message that another receives."""
    message = SyncModel()
    message.now_ms = timestamp
    relayed = message.sync(origin, change)[1]
    assert relayed is not None
    return relayed


def accepted(change: Sync, current: SyncMessage | None = None) -> SyncAccepted:
    return SyncAccepted(kind=change.kind, applied=current is None, delivered=1, current=current)


@settings(max_examples=examples(default=60, deep=600))
@given(clocks=CLOCKS, story=STORIES)
def test_replicas_converge(clocks: list[int], story: Story) -> None:
    world = Simulation(clocks, SyncModel())
    world.play(story)
    world.settle()


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(CONTENTS), min_size=1))
def test_the_order_in_which_messages_come_does_not_matter(
    chance: random.Random, contents: list[str]
) -> None:
    phone, clock = replica("phone"), SyncModel()
    said = []
    for number, content in enumerate(contents):
        said.append(told(phone.set_progress(content, number, 1_000), timestamp=clock.now_ms))
        said.append(told([phone.add, phone.remove][number % 2](content)))
    shuffled = [*said, *chance.sample(said, len(said) // 2)]
    chance.shuffle(shuffled)
    laptop = replica()
    for message in shuffled:
        laptop.apply(message)
    assert laptop.watchlist == phone.watchlist
    assert laptop.progress == phone.progress


def test_a_change_made_after_receiving_another_wins_whatever_the_clocks() -> None:
    behind, ahead = replica("behind", T0 - 3_600_000), replica("ahead", T0 + 30_000)
    behind.apply(told(ahead.add("film"), "ahead"))
    later = behind.remove("film")
    assert later.hlc > ahead.pending[0].hlc
    ahead.apply(told(later, "behind"))
    assert ahead.watchlist == behind.watchlist == frozenset()


def test_a_losing_change_is_replaced_by_the_winner_and_not_sent_again() -> None:
    phone, laptop = replica("phone", T0 + 1_000), replica("laptop")
    change, winner = laptop.set_progress("film", 10, 100), told(phone.set_progress("film", 50, 100))
    laptop.confirm(change, accepted(change, current=winner))
    assert laptop.pending == []
    assert laptop.progress == {"film": Progress(50, 100)}


def test_a_newer_message_discards_the_pending_change() -> None:
    phone, laptop = replica("phone", T0 + 1_000), replica("laptop")
    laptop.add("film")
    assert laptop.apply(told(phone.remove("film")))
    assert laptop.pending == []


def test_a_refused_change_is_rolled_back() -> None:
    laptop = replica()
    first = laptop.set_progress("film", 10, 100)
    laptop.confirm(first, accepted(first))
    refused = laptop.set_progress("film", 200, 100)
    assert laptop.progress["film"].position_seconds == 200
    laptop.discard(refused)
    assert laptop.progress["film"].position_seconds == 10
    assert laptop.pending == []


def test_the_answer_to_an_older_change_leaves_the_newer_one_pending() -> None:
    laptop = replica()
    older = laptop.add("film")
    newer = laptop.remove("film")
    laptop.confirm(older, accepted(older))
    assert laptop.pending == [newer]
    assert laptop.watchlist == frozenset()


def test_a_command_is_news_once_and_only_for_its_target() -> None:
    phone, laptop, tablet = replica("phone"), replica("laptop"), replica("tablet")
    command = phone.command("laptop", "seek", {"position": 12.5})
    again = phone.command("laptop", "seek", {"position": 12.5})
    assert [laptop.apply(told(command)), laptop.apply(told(command))] == [True, False]
    assert laptop.apply(told(again))
    assert not tablet.apply(told(command))
    restarted = DeviceReplica("laptop", lambda: T0, saved=laptop.saved())
    assert not restarted.apply(told(command))


def test_a_command_that_was_not_sent_is_not_sent_after_a_restart() -> None:
    phone = replica("phone")
    command, change = phone.command("laptop", "play"), phone.add("film")
    assert phone.pending == [command, change]
    assert DeviceReplica("phone", lambda: T0, saved=phone.saved()).pending == [change]


def test_since_is_the_time_of_the_last_page_and_only_of_that() -> None:
    laptop = replica()
    laptop.apply_snapshot(SyncSnapshot(items=[], cursor="more", timestamp=T0))
    assert laptop.since == 0
    laptop.apply_snapshot(SyncSnapshot(items=[], cursor=None, timestamp=T0))
    assert laptop.since == T0


def test_a_clock_that_was_ahead_does_not_stay_so() -> None:
    now = [T0 + 600_000]
    laptop = DeviceReplica("laptop", lambda: now[0])
    laptop.add("film")
    laptop.command("tv", "play")
    now[0] = T0
    laptop.restamp()
    assert [change.hlc for change in laptop.pending] == [
        Hlc(T0, 0, "laptop"),
        Hlc(T0, 1, "laptop"),
    ]
    assert [change.kind for change in laptop.pending] == ["watchlistUpdate", "deviceCommand"]


def test_restamped_changes_are_later_than_received_ones() -> None:
    now = [T0 + 600_000]
    laptop = DeviceReplica("laptop", lambda: now[0])
    heard = told(replica("phone", T0 + 30_000).add("film"))
    laptop.apply(heard)
    laptop.remove("film")
    now[0] = T0
    laptop.restamp()
    (change,) = laptop.pending
    assert heard.hlc < change.hlc < Hlc(T0 + 30_001, 0, "")
    assert laptop.watchlist == frozenset()


@pytest.mark.parametrize("winner", ["add", "remove"])
def test_for_equal_clocks_the_services_message_wins(winner: str) -> None:
    """Two devices may share an id and a clock, after a copy."""
    laptop, copy = replica(), replica()
    change = laptop.add("film") if winner == "remove" else laptop.remove("film")
    other = copy.remove("film") if winner == "remove" else copy.add("film")
    assert change.hlc == other.hlc
    laptop.confirm(change, accepted(change, current=told(other, "laptop")))
    assert ("film" in laptop.watchlist) == (winner == "add")
