"""The throttles of each stage, by throttle class.

An account has 10 000 requests a second in a Region, @connections calls included, and 500 new
connections a second:
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
The rates of all routes together stay below half of the first, so that a storm of requests leaves
enough for deliveries. Those of dev stay below a fifth: it may share the account with prod.

API Gateway throttles routes, not clients, so a flood uses up the throttle that speakers need. The
flooding connection is closed by its budgets (shared/admission/budgets.py); the burst has to last
until then. On `sendAudio` closing takes 5 refusals or about 100 ms. A client gets some 1 000
messages a second through one connection, so 100 before it is closed. Eight such connections, each
reopened twice before their address is slowed, need 8 x 3 x 100 = 2 400 at once. The burst is that
and half a second of honest audio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.protocol.requests import ThrottleClass


@dataclass(frozen=True)
class Throttle:
    """A token bucket: `rate` requests a second on average, `burst` at once."""

    rate: int
    burst: int


#: Each route of a class has its class's throttle to itself. Classes without one have the stage's.
DEV: Mapping[ThrottleClass, Throttle] = {
    # A hall of 500 comes at once.
    ThrottleClass.CONNECT: Throttle(rate=200, burst=500),
    ThrottleClass.JOIN: Throttle(rate=200, burst=500),
    ThrottleClass.CREATE: Throttle(rate=20, burst=100),
    # Speakers use the controls by hand.
    ThrottleClass.CONTROL: Throttle(rate=20, burst=100),
    # Interpreters hand over by hand, now and then.
    ThrottleClass.HANDOVER: Throttle(rate=10, burst=50),
    # Machine interpreters ask for the status once a second.
    ThrottleClass.STATUS: Throttle(rate=50, burst=200),
    # 500 listeners every 30 s make 17, 30 interpreters every second 30. An interpreter whose
    # heartbeats are throttled loses its language: the burst absorbs a flood until it is closed.
    ThrottleClass.HEARTBEAT: Throttle(rate=100, burst=2_500),
    # Once an hour or less often, with a token.
    ThrottleClass.AUTHENTICATE: Throttle(rate=5, burst=50),
    # 10 sources of 10 chunks a second (chunkMs 100) make 100; the rest absorbs floods.
    ThrottleClass.AUDIO: Throttle(rate=250, burst=2_500),
    # 10 interpreters, each two or three a second while somebody speaks.
    ThrottleClass.CAPTION: Throttle(rate=50, burst=250),
    # Readers act by hand, once per announcement.
    ThrottleClass.READ: Throttle(rate=20, burst=200),
    # By hand too, and each one reaches everybody.
    ThrottleClass.ANNOUNCE: Throttle(rate=10, burst=50),
    ThrottleClass.CLEAR: Throttle(rate=10, burst=50),
}
PROD: Mapping[ThrottleClass, Throttle] = {
    # The quota of new connections.
    ThrottleClass.CONNECT: Throttle(rate=500, burst=500),
    # No more can join than can connect. One session's row takes that many: a join costs 2 of the
    # 1 000 write units a second of its partition.
    ThrottleClass.JOIN: Throttle(rate=500, burst=500),
    # By hand, and each one writes a row that lives for a day.
    ThrottleClass.CREATE: Throttle(rate=10, burst=20),
    # Part of an audience changes its language or leaves, never all of it at once.
    ThrottleClass.LANGUAGE: Throttle(rate=200, burst=2_000),
    ThrottleClass.LEAVE: Throttle(rate=200, burst=2_000),
    # Speakers use the controls by hand, each in one session.
    ThrottleClass.CONTROL: Throttle(rate=60, burst=120),
    # Interpreters hand over by hand, now and then.
    ThrottleClass.HANDOVER: Throttle(rate=20, burst=40),
    # Machine interpreters ask for the status once a second: 100 sessions.
    ThrottleClass.STATUS: Throttle(rate=100, burst=200),
    # 10 000 listeners every 30 s make 333, 100 interpreters every second 100.
    ThrottleClass.HEARTBEAT: Throttle(rate=500, burst=2_500),
    # Once an hour or less often, with a token.
    ThrottleClass.AUTHENTICATE: Throttle(rate=20, burst=100),
    # 100 sources of 5 chunks a second (chunkMs 200) make 500; the rest absorbs floods.
    ThrottleClass.AUDIO: Throttle(rate=650, burst=2_750),
    # 60 interpreters, each two or three a second while somebody speaks. Under load captions give
    # way to audio.
    ThrottleClass.CAPTION: Throttle(rate=150, burst=150),
    # Once a connection, by devices only.
    ThrottleClass.DEVICE: Throttle(rate=150, burst=500),
    # Some pages each, after an absence.
    ThrottleClass.SNAPSHOT: Throttle(rate=50, burst=200),
    # 100 users who act five times a second. The message bus has a rate of its own.
    ThrottleClass.SYNC: Throttle(rate=500, burst=500),
    # Readers act by hand, once per announcement.
    ThrottleClass.READ: Throttle(rate=150, burst=500),
    # By hand too, and each one reaches everybody.
    ThrottleClass.ANNOUNCE: Throttle(rate=10, burst=20),
    ThrottleClass.CLEAR: Throttle(rate=10, burst=20),
    # Messages that match no route.
    ThrottleClass.DEFAULT: Throttle(rate=100, burst=2_000),
}
