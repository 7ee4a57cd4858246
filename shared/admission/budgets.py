"""Budgets: how many requests one connection may make, by throttle class.

They are outer bounds per connection and function instance, several times what honest clients send:
only floods meet them. Services keep the finer rules, such as real-time pace and captions a second.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shared.protocol.message_base import Request
from shared.protocol.requests import SPECS, Sender, ThrottleClass
from shared.utils.token_bucket import Budget

# Classes without a row below: requests made by hand.
DEFAULT = Budget(per_second=5, burst=100)
# Messages that do not decode. No honest client goes on sending them.
MALFORMED = Budget(per_second=1, burst=100)

BUDGETS: Mapping[ThrottleClass, Budget] = {
    # Ten chunks a second (chunkMs 100). After a stall, some clients send their whole backlog at
    # once: 50 s of it exceed real time, but are no reason to close the connection.
    ThrottleClass.AUDIO: Budget(per_second=30, burst=500),
    # The service refuses captions beyond ten a second first. This stops senders who ignore that.
    ThrottleClass.CAPTION: Budget(per_second=30, burst=250),
    # Interpreters send one a second, others one every 30 s.
    ThrottleClass.HEARTBEAT: Budget(per_second=4, burst=30),
    # Machine interpreters ask once a second.
    ThrottleClass.STATUS: Budget(per_second=5, burst=60),
    # Once a connection, and again if the reply was lost.
    ThrottleClass.JOIN: Budget(per_second=1, burst=30),
    ThrottleClass.CREATE: Budget(per_second=1, burst=30),
    # About once an hour; each one costs a verification.
    ThrottleClass.AUTHENTICATE: Budget(per_second=0.2, burst=20),
    # As fast as somebody clicks through all the languages of a session.
    ThrottleClass.LANGUAGE: Budget(per_second=3, burst=120),
    # Devices report what their user does; after an absence they catch up in pages.
    ThrottleClass.SYNC: Budget(per_second=50, burst=500),
    ThrottleClass.SNAPSHOT: Budget(per_second=10, burst=200),
    # Each one reaches everybody.
    ThrottleClass.ANNOUNCE: Budget(per_second=2, burst=50),
}

# Listen-only connections, whose handshake brought neither a token nor a ticket. Their audio and
# captions are always refused, but use up the throttle that speakers need.
LISTEN_ONLY_STREAM = Budget(per_second=1, burst=10)
LISTEN_ONLY_BUDGETS: Mapping[ThrottleClass, Budget] = {
    ThrottleClass.AUDIO: LISTEN_ONLY_STREAM,
    ThrottleClass.CAPTION: LISTEN_ONLY_STREAM,
    # Listeners send one every 30 s.
    ThrottleClass.HEARTBEAT: Budget(per_second=2, burst=20),
}
# Requests of a source, which are refused to them as well.
LISTEN_ONLY_CONTROLS = Budget(per_second=0.5, burst=20)

# Requests that name a missing session: enough for typing errors, too few for guessing.
GUESSES = Budget(per_second=0.1, burst=10)
# Refusals that a connection may collect before it is closed: of requests over budget, and of
# requests that it can never make.
OVER_BUDGET_LIMIT = Budget(per_second=0.2, burst=5)
NEVER_ALLOWED_LIMIT = Budget(per_second=0.1, burst=4)

_STREAMS = frozenset({ThrottleClass.AUDIO, ThrottleClass.CAPTION})


def budget_of(request: type[Request], *, listen_only: bool) -> Budget:
    """The budget of one connection for a request type."""
    spec = SPECS[request]
    if listen_only:
        if spec.throttle in LISTEN_ONLY_BUDGETS:
            return LISTEN_ONLY_BUDGETS[spec.throttle]
        if spec.sender is Sender.SOURCE:
            return LISTEN_ONLY_CONTROLS
    return BUDGETS.get(spec.throttle, DEFAULT)


def malformed_budget_of(requests: Collection[type[Request]], *, listen_only: bool) -> Budget:
    """The budget for messages that do not decode, on routes that take `requests`."""
    streams = all(SPECS[request].throttle in _STREAMS for request in requests)
    return LISTEN_ONLY_STREAM if listen_only and streams else MALFORMED
