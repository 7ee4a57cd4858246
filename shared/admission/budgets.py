"""How many requests of each kind one connection may make: the table of all routes.

These are the outer bounds, for each connection and instance. They are several times what honest
clients do, so that only floods meet them; finer rules (real time, captions a second) are the
services' own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shared.protocol import (
    announcement_messages,
    authentication_messages,
    device_messages,
    interpretation_messages,
    messages,
)
from shared.protocol.message_base import Request
from shared.utils.token_bucket import Budget

# What no line below is for: what people do by hand, and every route that is added later.
OTHERS = Budget(per_second=5, burst=100)
# What is no request of the protocol; no honest client goes on sending it.
MALFORMED = Budget(per_second=1, burst=100)
# Audio and captions, or what is neither on their routes, of connections that can never send any:
# it comes out of the throttle that speakers need, whatever is wrong with it.
STRANGERS_AUDIO = Budget(per_second=1, burst=10)
# Controls and the like of connections without a token, which no session would let them do.
ANONYMOUS_CONTROLS = Budget(per_second=0.5, burst=20)

BUDGETS: Mapping[type[Request], Budget] = {
    # Ten chunks a second (chunkMs 100). After a stall, clients that drop nothing send all that has
    # piled up at once: 50 s of it are more than real time, but no reason to be closed.
    messages.SendAudio: Budget(per_second=30, burst=500),
    # The rule of ten a second refuses first; this one is for who does not listen to it.
    interpretation_messages.SendCaption: Budget(per_second=30, burst=250),
    # Interpreters send one a second, others one in 30.
    messages.Heartbeat: Budget(per_second=4, burst=30),
    # Machines ask once a second.
    messages.GetSessionStatus: Budget(per_second=5, burst=60),
    # Once a connection, and again if the answer was lost.
    messages.JoinSession: Budget(per_second=1, burst=30),
    messages.CreateSession: Budget(per_second=1, burst=30),
    # Once an hour or so, and each one is verified.
    authentication_messages.Authenticate: Budget(per_second=0.2, burst=20),
    # As often as somebody can click, through all the languages of a session.
    messages.ChangeLanguage: Budget(per_second=3, burst=120),
    # Devices write what their user does, in pages after an absence.
    device_messages.Sync: Budget(per_second=50, burst=500),
    device_messages.GetSyncSnapshot: Budget(per_second=10, burst=200),
    # Each one reaches everybody.
    announcement_messages.Announce: Budget(per_second=2, burst=50),
}
# Heartbeats of listeners: one in 30 seconds.
ANONYMOUS_HEARTBEATS = Budget(per_second=2, burst=20)
# Requests of speakers and interpreters, by connections that can be neither.
_OF_SOURCES = frozenset(
    {
        messages.CreateSession,
        messages.EndSession,
        messages.MuteBroadcast,
        messages.PauseBroadcast,
        messages.ResumeBroadcast,
        messages.SetVolume,
        messages.UnmuteBroadcast,
        messages.GetSessionStatus,
        interpretation_messages.HandOver,
        interpretation_messages.TakeOver,
    }
)
# What only a source sends.
_SENT_BY_SOURCES = frozenset({messages.SendAudio, interpretation_messages.SendCaption})

# Sessions that are not there, asked for by name: enough for typing errors, too few for guessing.
GUESSES = Budget(per_second=0.1, burst=10)
# Refusals by a budget, and of what a connection can never do, before it is closed.
STRIKES = Budget(per_second=0.2, burst=5)
NEVER_STRIKES = Budget(per_second=0.1, burst=4)


def budget_of(kind: type[Request], *, never_sends: bool) -> Budget:
    """The budget of a kind of request."""
    if never_sends and kind in _OF_SOURCES:
        return ANONYMOUS_CONTROLS
    if never_sends and kind is messages.Heartbeat:
        return ANONYMOUS_HEARTBEATS
    if never_sends and kind in _SENT_BY_SOURCES:
        return STRANGERS_AUDIO
    return BUDGETS.get(kind, OTHERS)


def malformed_budget_of(kinds: Collection[type[Request]], *, never_sends: bool) -> Budget:
    """The budget of what is no request, where those of `kinds` are expected."""
    return STRANGERS_AUDIO if never_sends and _SENT_BY_SOURCES.issuperset(kinds) else MALFORMED
