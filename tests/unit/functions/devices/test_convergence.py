"""Eventual consistency of a user's devices under loss, duplication and reordering.

Two to five devices with wrong clocks make changes, offline and online. Requests are lost,
duplicated or delayed; replies and pushes are lost; functions die between two database calls;
connections are replaced. Each device follows only the documented rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from shared.models.hlc import Hlc, HybridClock
from tests.helpers.clients import Message
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.phones import device_id
from tests.helpers.world import World, new_world

CONTENTS = st.sampled_from(["film", "series"])
# Low numbers are more frequent, so that the same devices interact.
NUMBERS = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 3, 4])
SKEWS_MS = st.integers(-300_000, 50_000)
Key = tuple[str, str]


@dataclass
class Replica:
    """A device's replica, as the protocol page describes it."""

    identity: str
    skew_ms: int
    clock: HybridClock
    state: dict[Key, tuple[Hlc, Message]] = field(default_factory=dict)
    # Changes without a reply.
    pending: list[Message] = field(default_factory=list)
    # None while offline. `read` is the number of pushes processed.
    connection: str | None = None
    read: int = 0
    since: int = 0

    def merge(self, message: Message, now_ms: int) -> None:
        """Apply a change if it is later than the replica's state."""
        clock = message["hlc"]
        hlc = Hlc(clock["wallMs"], clock["counter"], clock["node"])
        self.clock.merge(hlc, now_ms + self.skew_ms)
        key = message["kind"], message["contentId"]
        known = self.state.get(key)
        if known is None or known[0] < hlc:
            self.state[key] = hlc, _content(message)


def die() -> None:
    raise RuntimeError("the function died")


class Devices(RuleBasedStateMachine):
    """One user's devices, and all changes made on them."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()

    @initialize(skews=st.lists(SKEWS_MS, min_size=2, max_size=5))
    def begin(self, skews: list[int]) -> None:
        self.world: World = self._open.enter_context(new_world())
        self.database = InterruptibleClient(dynamodb())
        self.world.use_dynamodb(self.database)
        self.replicas = [
            Replica(device_id(number + 1), skew, HybridClock(device_id(number + 1)))
            for number, skew in enumerate(skews)
        ]
        self.changes: dict[Key, list[tuple[Hlc, Message]]] = {}
        for replica in self.replicas:
            self.arrive(replica)

    def of(self, number: int) -> Replica:
        return self.replicas[number % len(self.replicas)]

    def ask(self, replica: Replica, action: str, **fields: Any) -> Message:
        assert replica.connection is not None
        return self.world.ask(replica.connection, action, **fields)

    def change(self, replica: Replica, fields: Message) -> None:
        hlc = replica.clock.tick(self.world.clock.now_ms() + replica.skew_ms)
        message = {**fields, "hlc": _as_json(hlc)}
        replica.pending.append(message)
        replica.merge(message, self.world.clock.now_ms())
        self.changes.setdefault((fields["kind"], fields["contentId"]), []).append(
            (hlc, _content(message))
        )

    @rule(number=NUMBERS, content=CONTENTS, position=st.integers(0, 9), listed=st.booleans())
    def act(self, number: int, content: str, position: int, listed: bool) -> None:
        """Make a change on a device, online or offline."""
        if listed:
            fields: Message = {
                "contentId": content,
                "operation": "remove" if position % 2 else "add",
            }
            self.change(self.of(number), {"kind": "watchlistUpdate", **fields})
        else:
            fields = {"contentId": content, "positionSeconds": position, "durationSeconds": 9}
            self.change(self.of(number), {"kind": "progressUpdate", **fields})

    @rule(number=NUMBERS, how=st.sampled_from(["arrive", "leave", "vanish"]))
    def move(self, number: int, how: str) -> None:
        """Connect a device, perhaps again, disconnect it, or let its connection vanish.

        Pushes to a vanished connection are lost.
        """
        replica = self.of(number)
        if how == "arrive":
            self.arrive(replica)
        elif replica.connection is not None:
            if how == "leave":
                self.world.disconnect(replica.connection)
            else:
                self.world.sender.gone.add(replica.connection)
            replica.connection = None

    @rule(number=NUMBERS)
    def fall_behind(self, number: int) -> None:
        """Start or stop refusing pushes to a device."""
        replica = self.of(number)
        if replica.connection is not None:
            self.world.sender.failing ^= {replica.connection}

    @rule(
        number=NUMBERS,
        how=st.sampled_from(["once", "twice", "unanswered", "newest first", "dying"]),
        calls=st.integers(0, 3),
    )
    def send(self, number: int, how: str, calls: int) -> None:
        """Send a pending change.

        It may be duplicated, its reply lost, or the function die halfway.
        """
        replica = self.of(number)
        if replica.connection is None or not replica.pending:
            return
        message = replica.pending[-1 if how == "newest first" else 0]
        if how == "dying":
            self.database.interrupt(die, after=calls)
        reply = self.ask(replica, "sync", **message)
        self.database.cancel()
        if how == "twice":
            reply = self.ask(replica, "sync", **message)
        if how != "unanswered":
            self.process_reply(replica, message, reply)

    @rule(number=NUMBERS)
    def read(self, number: int) -> None:
        self.process_pushes(self.of(number))

    @rule(milliseconds=st.integers(1, 400_000))
    def wait(self, milliseconds: int) -> None:
        self.world.clock.advance(milliseconds)
        self.world.presence()

    def settle(self) -> None:
        """Bring all devices online, send their pending changes, and fetch what they missed."""
        self.world.sender.failing.clear()
        for replica in self.replicas:
            self.arrive(replica)
        for replica in self.replicas:
            for message in list(replica.pending):
                self.process_reply(replica, message, self.ask(replica, "sync", **message))
            assert replica.pending == []
        for replica in self.replicas:
            self.process_pushes(replica)
            self.catch_up(replica)
        latest = {
            key: max(changes, key=lambda item: item[0]) for key, changes in self.changes.items()
        }
        newcomer = Replica(device_id(100), 0, HybridClock("newcomer"))
        self.arrive(newcomer)
        for replica in (*self.replicas, newcomer):
            assert replica.state == latest

    def teardown(self) -> None:
        with self._open:
            if hasattr(self, "replicas"):
                self.settle()

    def arrive(self, replica: Replica) -> None:
        self.process_pushes(replica)
        replica.connection, replica.read = self.world.connect("alice"), 0
        reply = self.ask(replica, "registerDevice", deviceId=replica.identity, since=replica.since)
        assert reply["type"] == "deviceRegistered"
        self.catch_up(replica)

    def catch_up(self, replica: Replica) -> None:
        for page in self.pages(replica):
            for item in page["items"]:
                replica.merge(item, self.world.clock.now_ms())
            if page["cursor"] is None:
                replica.since = page["timestamp"]

    def pages(self, replica: Replica) -> Iterator[Message]:
        page = self.ask(replica, "getSyncSnapshot", since=replica.since)
        yield page
        while page["cursor"] is not None:
            page = self.ask(replica, "getSyncSnapshot", cursor=page["cursor"])
            yield page

    def process_pushes(self, replica: Replica) -> None:
        if replica.connection is None:
            return
        pushes = self.world.pushes(replica.connection)
        for push in pushes[replica.read :]:
            if push["type"] == "syncMessage":
                assert push["originDeviceId"] != replica.identity
                replica.merge(push, self.world.clock.now_ms())
        replica.read = len(pushes)

    def process_reply(self, replica: Replica, message: Message, reply: Message) -> None:
        if reply["type"] == "error":
            assert reply["code"] in {"INTERNAL", "DEVICE_NOT_REGISTERED"}, reply
            return
        replica.pending.remove(message)
        if not reply["applied"]:
            replica.merge(reply["current"], self.world.clock.now_ms())


def _content(message: Message) -> Message:
    """Return the fields that change the content."""
    names = ("operation", "positionSeconds", "durationSeconds")
    return {name: message[name] for name in names if name in message}


def _as_json(hlc: Hlc) -> Message:
    return {"wallMs": hlc.wall_ms, "counter": hlc.counter, "node": hlc.node}


Devices.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestConvergence = Devices.TestCase
