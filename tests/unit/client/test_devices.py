"""Replicas of a user's devices come to the same, whatever is lost, repeated or overtaken."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.devices import DeviceReplica, Progress, SavedReplica
from shared.models.device_messages import Sync, SyncAccepted, SyncMessage, SyncSnapshot
from shared.models.hlc import Hlc
from tests.unit.client.support import T0
from tests.unit.client.sync_model import ClockSkewError, SyncModel

CONTENTS = ("a", "b", "c")


def replica(name: str = "laptop", now_ms: int = T0) -> DeviceReplica:
    return DeviceReplica(name, lambda: now_ms)


def told(change: Sync, origin: str = "phone", timestamp: int = T0) -> SyncMessage:
    """What one device said, as another is told of it."""
    message = SyncModel()
    message.now_ms = timestamp
    relayed = message.sync(origin, change)[1]
    assert relayed is not None
    return relayed


def accepted(change: Sync, current: SyncMessage | None = None) -> SyncAccepted:
    return SyncAccepted(kind=change.kind, applied=current is None, delivered=1, current=current)


@dataclass
class Simulation:
    """Devices, the service, and between them connections that lose and repeat."""

    clocks: list[int]  # how far each device's clock is from the service's (ms)
    service: SyncModel = field(default_factory=SyncModel)

    def __post_init__(self) -> None:
        self.devices = [
            DeviceReplica(f"device-{number}", self._clock(number))
            for number in range(len(self.clocks))
        ]
        self.inboxes: list[list[SyncMessage]] = [[] for _ in self.devices]

    def _clock(self, number: int) -> Callable[[], float]:
        return lambda: self.service.now_ms + self.clocks[number]

    def send(self, number: int, *, reply_arrives: bool = True) -> None:
        """The first pending change reaches the service; its reply may be lost."""
        device = self.devices[number]
        if not device.pending:
            return
        change = device.pending[0]
        try:
            reply, relayed = self.service.sync(device.device_id, change)
        except ClockSkewError:
            self.clocks[number] = 0  # the clocks are compared
            device.restamp()
            return
        if relayed is not None:
            for other, inbox in enumerate(self.inboxes):
                if other != number:
                    inbox.append(relayed)
        if reply_arrives:
            device.accepted(change, reply)

    def reconnect(self, number: int) -> None:
        """All pages since the last time; what was on its way is lost."""
        self.inboxes[number].clear()
        device = self.devices[number]
        since, cursor = device.since, None
        while True:
            page = self.service.snapshot(since, cursor)
            device.apply_snapshot(page)
            cursor = page.cursor
            if cursor is None:
                return

    def restart(self, number: int) -> None:
        """The program ends, and begins again with what it saved."""
        device = self.devices[number]
        saved = msgspec.json.decode(msgspec.json.encode(device.saved()), type=SavedReplica)
        clock = self._clock(number)
        self.devices[number] = DeviceReplica(device.device_id, clock, saved=saved)

    def settle(self) -> None:
        """Everyone sends what is pending, and catches up."""
        for number, device in enumerate(self.devices):
            for _ in range(2 + 2 * len(device.pending)):
                self.send(number)
            assert device.pending == []
        for number in range(len(self.devices)):
            self.reconnect(number)


ACTIONS = st.one_of(
    st.tuples(st.sampled_from(("add", "remove", "watched")), st.sampled_from(CONTENTS)),
    st.tuples(st.sampled_from(("send", "send and lose the reply", "reconnect", "restart")),
              st.just("")),
    st.tuples(st.sampled_from(("deliver", "deliver twice", "lose")), st.integers(0, 5)),
    st.tuples(st.just("time"), st.sampled_from((0, 1, 1_000, 100_000))),
)  # fmt: skip


def operate(device: DeviceReplica, action: str, content: str) -> None:
    """What a person does counts on the own device at once."""
    if action == "watched":
        change = device.watched(content, float(len(device.pending)), 1_000.0)
        assert device.progress[content].position_seconds == change.position_seconds
    elif action == "add":
        device.add(content)
        assert content in device.watchlist
    else:
        device.remove(content)
        assert content not in device.watchlist


@settings(max_examples=200)
@given(
    clocks=st.lists(st.integers(-300_000, 300_000), min_size=2, max_size=5),
    story=st.lists(st.tuples(st.integers(0, 4), ACTIONS), min_size=10, max_size=80),
)
def test_replicas_converge(
    clocks: list[int], story: list[tuple[int, tuple[str, str | int]]]
) -> None:
    world = Simulation(clocks)
    for who, (action, detail) in story:
        number = who % len(clocks)
        device, inbox = world.devices[number], world.inboxes[number]
        if action in ("add", "remove", "watched"):
            operate(device, action, str(detail))
        elif action == "time":
            world.service.now_ms += int(detail)
        elif action == "restart":
            before = (device.watchlist, device.progress, device.pending, device.since)
            world.restart(number)
            device = world.devices[number]
            assert (device.watchlist, device.progress, device.pending, device.since) == before
        elif action == "reconnect":
            world.reconnect(number)
        elif action in ("send", "send and lose the reply"):
            world.send(number, reply_arrives=action == "send")
        elif inbox:
            message = inbox.pop(int(detail) % len(inbox))
            for time in range(["lose", "deliver", "deliver twice"].index(action)):
                news = device.apply(message)
                assert not (time and news)
    world.settle()
    for device in world.devices:
        assert device.watchlist == world.service.watchlist
        positions = {name: it.position_seconds for name, it in device.progress.items()}
        assert positions == world.service.positions


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(CONTENTS), min_size=1))
def test_the_order_in_which_messages_come_does_not_matter(
    chance: random.Random, contents: list[str]
) -> None:
    phone, clock = replica("phone"), SyncModel()
    said = []
    for number, content in enumerate(contents):
        said.append(told(phone.watched(content, number, 1_000), timestamp=clock.now_ms))
        said.append(told([phone.add, phone.remove][number % 2](content)))
    shuffled = [*said, *chance.sample(said, len(said) // 2)]
    chance.shuffle(shuffled)
    laptop = replica()
    for message in shuffled:
        laptop.apply(message)
    assert laptop.watchlist == phone.watchlist
    assert laptop.progress == phone.progress


def test_what_is_said_after_hearing_something_wins_whatever_the_clocks_show() -> None:
    behind, ahead = replica("behind", T0 - 3_600_000), replica("ahead", T0 + 30_000)
    behind.apply(told(ahead.add("film"), "ahead"))
    later = behind.remove("film")
    assert later.hlc > ahead.pending[0].hlc
    ahead.apply(told(later, "behind"))
    assert ahead.watchlist == behind.watchlist == frozenset()


def test_a_change_that_lost_is_replaced_by_what_won_and_not_sent_again() -> None:
    phone, laptop = replica("phone", T0 + 1_000), replica("laptop")
    change, winner = laptop.watched("film", 10, 100), told(phone.watched("film", 50, 100))
    laptop.accepted(change, accepted(change, current=winner))
    assert laptop.pending == []
    assert laptop.progress == {"film": Progress(50, 100)}


def test_news_of_something_newer_makes_ones_own_change_needless() -> None:
    phone, laptop = replica("phone", T0 + 1_000), replica("laptop")
    laptop.add("film")
    assert laptop.apply(told(phone.remove("film")))
    assert laptop.pending == []


def test_what_is_refused_was_never_said() -> None:
    laptop = replica()
    first = laptop.watched("film", 10, 100)
    laptop.accepted(first, accepted(first))
    refused = laptop.watched("film", 200, 100)
    assert laptop.progress["film"].position_seconds == 200
    laptop.refused(refused)
    assert laptop.progress["film"].position_seconds == 10
    assert laptop.pending == []


def test_the_answer_to_an_older_change_leaves_the_newer_one_pending() -> None:
    laptop = replica()
    older = laptop.add("film")
    newer = laptop.remove("film")
    laptop.accepted(older, accepted(older))
    assert laptop.pending == [newer]
    assert laptop.watchlist == frozenset()


def test_a_command_is_obeyed_once_and_only_by_its_target() -> None:
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


@pytest.mark.parametrize("winner", ["add", "remove"])
def test_of_the_same_moment_what_the_service_says_counts(winner: str) -> None:
    """Somebody copied this device with its clock."""
    laptop, copy = replica(), replica()
    change = laptop.add("film") if winner == "remove" else laptop.remove("film")
    other = copy.remove("film") if winner == "remove" else copy.add("film")
    assert change.hlc == other.hlc
    laptop.accepted(change, accepted(change, current=told(other, "laptop")))
    assert ("film" in laptop.watchlist) == (winner == "add")
