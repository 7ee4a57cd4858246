"""Interpretation values inside messages: leases, rendered intervals, engines."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

InterpreterSource = Literal["human", "machine"]
# The service never sends "left": clients report it for themselves.
LeaseReason = Literal["asked", "promoted", "takenOver", "handedOver", "expired", "silent", "left"]

MAX_INTERPRETED_LANGUAGES = 20
# All engines. A setting selects those that a stage offers.
ENGINES = ("aws", "offline", "scripted")

_Time = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
# Upper bound of one day for any stage of an utterance.
_Stage = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]


class Lease(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """An interpreter's lease on a language, as its holder or as a stand-by.

    Only the holder has an `epoch`. Without renewal the lease ends at `lease_until` (ms since the
    epoch, the server's clock). `standbys` is the number of other stand-bys.
    """

    language: str
    holds: bool
    standbys: int
    lease_until: int
    epoch: int | None = None


class Renders(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The interval of the floor that an interpreter's chunk renders, with latencies.

    `timestamp` and `end_timestamp` delimit the utterance by the speaker's clock (ms since the
    epoch). `recognise_ms` is the time from its end to its final text, `translate_ms` the time for
    the translation, and `speak_ms` the time from there until the first chunk was sent.
    """

    timestamp: _Time
    end_timestamp: _Time
    recognise_ms: _Stage
    translate_ms: _Stage
    speak_ms: _Stage


class RequestedInterpretation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Requested machine interpretation: well-typed, values not yet validated."""

    engine: str
    languages: (
        Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_INTERPRETED_LANGUAGES)]
        | Literal["auto"]
    )


class Interpretation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Machine interpretation of a session.

    `auto` means every language that has listeners and that the engine supports.
    """

    engine: str
    languages: tuple[str, ...] | Literal["auto"]
