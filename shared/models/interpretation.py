"""What interpretation is described by inside messages: leases, what a chunk renders, machines."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

InterpreterSource = Literal["human", "machine"]
# Who has left is told nothing; a client may say it of itself.
LeaseReason = Literal["asked", "promoted", "takenOver", "handedOver", "expired", "silent", "left"]

MAX_INTERPRETED_LANGUAGES = 20
# All that there are; which of them a stage offers is a setting.
ENGINES = ("aws", "offline", "scripted")

_Time = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
# No stage of an utterance takes a day.
_Stage = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]


class Lease(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """An interpreter's right to be heard as `language`, or its place among those who wait.

    Who `holds` it has its `epoch`; `lease_until` (ms since the epoch, the server's clock) is when
    it is lost, or the place is, without a sign of life. `standbys` others wait for it.
    """

    language: str
    holds: bool
    standbys: int
    lease_until: int
    epoch: int | None = None


class Renders(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Which interval of the floor a chunk of another language renders, and what that took.

    `timestamp` and `end_timestamp` are the utterance's, by the speaker's clock (ms since the
    epoch). `recognise_ms` is the time from its end to its final text, `translate_ms` that for the
    translation, `speak_ms` what it took from there until its first chunk was sent.
    """

    timestamp: _Time
    end_timestamp: _Time
    recognise_ms: _Stage
    translate_ms: _Stage
    speak_ms: _Stage


class RequestedInterpretation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Interpretation by machine as asked for: well-typed, its values not yet checked."""

    engine: str
    languages: (
        Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_INTERPRETED_LANGUAGES)]
        | Literal["auto"]
    )


class Interpretation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A session's interpretation by machine; `auto` is every language that is listened to and that
    the engine can do.
    """

    engine: str
    languages: tuple[str, ...] | Literal["auto"]
