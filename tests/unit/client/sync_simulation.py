"""Simulated devices whose messages are lost, repeated and reordered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from hypothesis import strategies as st

from client.protocol.replica import DeviceReplica, SavedReplica
from shared.protocol.device_messages import Sync, SyncAccepted, SyncMessage, SyncSnapshot
from tests.helpers.phones import device_id
from tests.unit.client.sync_model import ClockSkewError

CONTENTS = ("a", "b", "c")
Story = list[tuple[int, tuple[str, str | int]]]

# How far each device's clock is from the service's (ms).
CLOCKS = st.lists(st.integers(-300_000, 300_000), min_size=2, max_size=5)
_ACTIONS = st.one_of(
    st.tuples(st.sampled_from(("add", "remove", "watched")), st.sampled_from(CONTENTS)),
    st.tuples(
        st.sampled_from(("send", "send and lose the reply", "reconnect", "restart")), st.just("")
    ),
    st.tuples(st.sampled_from(("deliver", "deliver twice", "lose")), st.integers(0, 5)),
    st.tuples(st.just("time"), st.sampled_from((0, 1, 1_000, 100_000))),
)
STORIES = st.lists(st.tuples(st.integers(0, 4), _ACTIONS), min_size=10, max_size=80)


class Service(Protocol):
    """One user's state, kept by the service or a model of it; `now_ms` is its clock."""

    now_ms: int

    def sync(self, origin: str, change: Sync) -> tuple[SyncAccepted, SyncMessage | None]:
        """Return the reply and the message relayed to the others. Raises ClockSkewError."""

    def snapshot(self, since: int, cursor: str | None) -> SyncSnapshot:
        """A page of what has changed."""


class Simulation:
    """Devices, the service, and connections that lose and repeat messages."""

    def __init__(self, clocks: list[int], service: Service) -> None:
        self.clocks = clocks
        self.service = service
        self.devices = [
            DeviceReplica(device_id(number + 1), self._clock(number))
            for number in range(len(clocks))
        ]
        self.inboxes: list[list[SyncMessage]] = [[] for _ in clocks]

    def _clock(self, number: int) -> Callable[[], float]:
        return lambda: self.service.now_ms + self.clocks[number]

    def send(self, number: int, *, reply_arrives: bool = True) -> None:
        """Deliver the first pending change to the service; its reply may be lost."""
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
            device.confirm(change, reply)

    def reconnect(self, number: int) -> None:
        """All pages since the last time; what was on its way is lost."""
        self.inboxes[number].clear()
        _catch_up(self.devices[number], self.service)

    def restart(self, number: int) -> None:
        """The program ends, and begins again with what it saved."""
        device = self.devices[number]
        saved = msgspec.json.decode(msgspec.json.encode(device.saved()), type=SavedReplica)
        clock = self._clock(number)
        self.devices[number] = DeviceReplica(device.device_id, clock, saved=saved)

    def play(self, story: Story) -> None:
        """Let all of it happen, and see that each device keeps the rules meanwhile."""
        for who, (action, detail) in story:
            self._happen(who % len(self.devices), action, detail)

    def settle(self) -> None:
        """Everyone sends what is pending and catches up; then all know the same."""
        for number, device in enumerate(self.devices):
            for _ in range(2 + 2 * len(device.pending)):
                self.send(number)
            assert device.pending == []
        for number in range(len(self.devices)):
            self.reconnect(number)
        newcomer = DeviceReplica("newcomer", lambda: self.service.now_ms)
        _catch_up(newcomer, self.service)
        for device in self.devices:
            assert device.watchlist == newcomer.watchlist
            assert device.progress == newcomer.progress

    def _happen(self, number: int, action: str, detail: str | int) -> None:
        device, inbox = self.devices[number], self.inboxes[number]
        if action in ("add", "remove", "watched"):
            _operate(device, action, str(detail))
        elif action == "time":
            self.service.now_ms += int(detail)
        elif action == "restart":
            before = (device.watchlist, device.progress, device.pending, device.since)
            self.restart(number)
            device = self.devices[number]
            assert (device.watchlist, device.progress, device.pending, device.since) == before
        elif action == "reconnect":
            self.reconnect(number)
        elif action in ("send", "send and lose the reply"):
            self.send(number, reply_arrives=action == "send")
        elif inbox:
            message = inbox.pop(int(detail) % len(inbox))
            for time in range(["lose", "deliver", "deliver twice"].index(action)):
                news = device.apply(message)
                assert not (time and news)


def _catch_up(device: DeviceReplica, service: Service) -> None:
    """All pages since the last time."""
    since, cursor = device.since, None
    while True:
        page = service.snapshot(since, cursor)
        device.apply_snapshot(page)
        cursor = page.cursor
        if cursor is None:
            return


def _operate(device: DeviceReplica, action: str, content: str) -> None:
    """What a person does counts on the own device at once."""
    if action == "watched":
        change = device.set_progress(content, float(len(device.pending)), 1_000.0)
        assert device.progress[content].position_seconds == change.position_seconds
    elif action == "add":
        device.add(content)
        assert content in device.watchlist
    else:
        device.remove(content)
        assert content not in device.watchlist
