"""The messages of interpreters beside joining and sending: who holds a language, and captions."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.models.interpretation import Lease, LeaseReason
from shared.protocol.message_base import Reply, Request, ServerMessage

MAX_CAPTION_LENGTH = 1_000

_Time = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class TakeOver(Request, frozen=True, kw_only=True):
    """A stand-by becomes the voice of its language now."""


class HandOver(Request, frozen=True, kw_only=True):
    """The voice of a language lets the next stand-by be it, and waits itself."""


class SendCaption(Request, frozen=True, kw_only=True):
    """What is said in an interval of the floor, in the sender's language or (`language`) the
    floor's. One that is not `final` is replaced by the next. `spoken` is false for a sentence
    whose sound was left out.
    """

    text: str
    final: bool
    timestamp: _Time
    end_timestamp: _Time
    language: str | None = None
    spoken: bool = True


class InterpreterLease(Reply, frozen=True, kw_only=True):
    """Told to an interpreter whose lease, or place among those who wait, has changed."""

    session_id: str
    lease: Lease
    reason: LeaseReason


class Caption(ServerMessage, frozen=True, kw_only=True):
    """What is said, as text in `language`; times are those of the floor (ms since the epoch).

    `epoch` is that of the channel. One that is not `final` is replaced by the next of its
    language; `spoken` is false if the sentence's sound was left out.
    """

    session_id: str
    language: str
    text: str
    final: bool
    epoch: int
    timestamp: int
    end_timestamp: int
    spoken: bool = True
