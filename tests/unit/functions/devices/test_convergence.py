"""Whatever is lost, repeated or overtaken, a user's devices come to the same state in the end.

Two to five devices with clocks that are wrong say things, offline and online. Requests do not
arrive, arrive twice, or late; replies and pushes are lost; functions die between two calls to the
database; connections are replaced. Each device follows the documented rules and nothing else.
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
from tests.helpers.database.interleaved import Interleaved
from tests.helpers.database.tables import dynamodb
from tests.helpers.device_people import device_id
from tests.helpers.world import World, new_world

CONTENTS = st.sampled_from(["film", "series"])
# The first ones more often, so that there is something between them.
NUMBERS = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 3, 4])
SKEWS_MS = st.integers(-300_000, 50_000)
Key = tuple[str, str]


@dataclass
class Replica:
    """A device as the protocol's page tells its author to write one."""

    identity: str
    skew_ms: int
    clock: HybridClock
    state: dict[Key, tuple[Hlc, Message]] = field(default_factory=dict)
    # Said, and not known to have been accepted.
    unsaid: list[Message] = field(default_factory=list)
    # None while it is away; what was pushed and not read yet is after `read` messages.
    connection: str | None = None
    read: int = 0
    since: int = 0

    def merge(self, message: Message, now_ms: int) -> None:
        """What was said by somebody counts here, if it is later than what is known."""
        said = message["hlc"]
        hlc = Hlc(said["wallMs"], said["counter"], said["node"])
        self.clock.merge(hlc, now_ms + self.skew_ms)
        key = message["kind"], message["contentId"]
        known = self.state.get(key)
        if known is None or known[0] < hlc:
            self.state[key] = hlc, _said(message)


def die() -> None:
    raise RuntimeError("the function died")


class Devices(RuleBasedStateMachine):
    """One user's devices, and what has been said in all."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()

    @initialize(skews=st.lists(SKEWS_MS, min_size=2, max_size=5))
    def begin(self, skews: list[int]) -> None:
        self.world: World = self._open.enter_context(new_world())
        self.database = Interleaved(dynamodb())
        self.world.use_dynamodb(self.database)
        self.replicas = [
            Replica(device_id(number + 1), skew, HybridClock(device_id(number + 1)))
            for number, skew in enumerate(skews)
        ]
        self.said: dict[Key, list[tuple[Hlc, Message]]] = {}
        for replica in self.replicas:
            self.arrive(replica)

    def of(self, number: int) -> Replica:
        return self.replicas[number % len(self.replicas)]

    def ask(self, replica: Replica, action: str, **fields: Any) -> Message:
        assert replica.connection is not None
        return self.world.ask(replica.connection, action, **fields)

    def say(self, replica: Replica, fields: Message) -> None:
        hlc = replica.clock.tick(self.world.clock.now_ms() + replica.skew_ms)
        message = {**fields, "hlc": _as_json(hlc)}
        replica.unsaid.append(message)
        replica.merge(message, self.world.clock.now_ms())
        self.said.setdefault((fields["kind"], fields["contentId"]), []).append(
            (hlc, _said(message))
        )

    @rule(number=NUMBERS, content=CONTENTS, position=st.integers(0, 9), listed=st.booleans())
    def act(self, number: int, content: str, position: int, listed: bool) -> None:
        """The user has done something on a device, online or not."""
        if listed:
            fields: Message = {
                "contentId": content,
                "operation": "remove" if position % 2 else "add",
            }
            self.say(self.of(number), {"kind": "watchlistUpdate", **fields})
        else:
            fields = {"contentId": content, "positionSeconds": position, "durationSeconds": 9}
            self.say(self.of(number), {"kind": "progressUpdate", **fields})

    @rule(number=NUMBERS, how=st.sampled_from(["arrive", "leave", "vanish"]))
    def move(self, number: int, how: str) -> None:
        """A device connects, perhaps once more; it disconnects; or nobody is told that it does, and
        what is pushed from then on is lost.
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
        """What is pushed to a device is refused, until the next time: it does not hear of it."""
        replica = self.of(number)
        if replica.connection is not None:
            self.world.sender.failing ^= {replica.connection}

    @rule(
        number=NUMBERS,
        how=st.sampled_from(["once", "twice", "unanswered", "newest first", "dying"]),
        calls=st.integers(0, 3),
    )
    def send(self, number: int, how: str, calls: int) -> None:
        """Something that is unsaid. It may arrive twice, or its answer not at all; the function may
        die in the middle of it.
        """
        replica = self.of(number)
        if replica.connection is None or not replica.unsaid:
            return
        message = replica.unsaid[-1 if how == "newest first" else 0]
        if how == "dying":
            self.database.interrupt(die, after=calls)
        reply = self.ask(replica, "sync", **message)
        self.database.cancel()
        if how == "twice":
            reply = self.ask(replica, "sync", **message)
        if how != "unanswered":
            self.hear_answer(replica, message, reply)

    @rule(number=NUMBERS)
    def read(self, number: int) -> None:
        self.hear(self.of(number))

    @rule(milliseconds=st.integers(1, 400_000))
    def wait(self, milliseconds: int) -> None:
        self.world.clock.advance(milliseconds)
        self.world.presence()

    def settle(self) -> None:
        """In the end everybody is there, says what is unsaid, and asks for what was missed."""
        self.world.sender.failing.clear()
        for replica in self.replicas:
            self.arrive(replica)
        for replica in self.replicas:
            for message in list(replica.unsaid):
                self.hear_answer(replica, message, self.ask(replica, "sync", **message))
            assert replica.unsaid == []
        for replica in self.replicas:
            self.hear(replica)
            self.catch_up(replica)
        latest = {key: max(said, key=lambda item: item[0]) for key, said in self.said.items()}
        newcomer = Replica(device_id(100), 0, HybridClock("newcomer"))
        self.arrive(newcomer)
        for replica in (*self.replicas, newcomer):
            assert replica.state == latest

    def teardown(self) -> None:
        with self._open:
            if hasattr(self, "replicas"):
                self.settle()

    def arrive(self, replica: Replica) -> None:
        self.hear(replica)
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

    def hear(self, replica: Replica) -> None:
        if replica.connection is None:
            return
        pushes = self.world.pushes(replica.connection)
        for push in pushes[replica.read :]:
            if push["type"] == "syncMessage":
                assert push["originDeviceId"] != replica.identity
                replica.merge(push, self.world.clock.now_ms())
        replica.read = len(pushes)

    def hear_answer(self, replica: Replica, message: Message, reply: Message) -> None:
        if reply["type"] == "error":
            assert reply["code"] in {"INTERNAL", "DEVICE_NOT_REGISTERED"}, reply
            return
        replica.unsaid.remove(message)
        if not reply["applied"]:
            replica.merge(reply["current"], self.world.clock.now_ms())


def _said(message: Message) -> Message:
    """What it says of its content."""
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
