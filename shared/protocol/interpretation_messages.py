"""Messages of interpreters: leases of languages, and captions."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.models.interpretation import Lease, LeaseReason
from shared.protocol.message_base import Reply, Request, ServerMessage

MAX_CAPTION_LENGTH = 1_000

_Time = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class TakeOver(Request, frozen=True, kw_only=True):
    """A stand-by takes over its language."""


class HandOver(Request, frozen=True, kw_only=True):
    """The interpreter hands its language to the next stand-by and becomes one."""


class SendCaption(Request, frozen=True, kw_only=True):
    """A caption of an interval of the floor.

    It is in the sender's language unless `language` says the floor's. The next caption replaces
    one that is not `final`. `spoken` is false for a sentence whose audio was left out.
    """

    text: str
    final: bool
    timestamp: _Time
    end_timestamp: _Time
    language: str | None = None
    spoken: bool = True


class InterpreterLease(Reply, frozen=True, kw_only=True):
    """An interpreter's lease, or its place among the stand-bys, has changed."""

    session_id: str
    lease: Lease
    reason: LeaseReason


class Caption(ServerMessage, frozen=True, kw_only=True):
    """Speech as text in `language`; times are the floor's (ms since the Unix epoch).

    `epoch` is the channel's. The next caption of the language replaces one that is not `final`.
    `spoken` is false if the sentence's audio was left out.
    """

    session_id: str
    language: str
    text: str
    final: bool
    epoch: int
    timestamp: int
    end_timestamp: int
    spoken: bool = True
