"""What a client hears of: the values that the protocol core and the connection yield."""

from __future__ import annotations

from dataclasses import dataclass

from client.errors import RequestRefusedError
from shared.protocol.interpretation_messages import Caption
from shared.protocol.message_base import Reply, ServerMessage
from shared.protocol.messages import Audio, SessionJoined


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """A chunk of what this client listens to, and when it arrived (ms, the receiver's clock)."""

    audio: Audio
    received_at_ms: float


@dataclass(frozen=True, slots=True)
class CaptionReceived:
    """A caption of what this client listens to."""

    caption: Caption


@dataclass(frozen=True, slots=True)
class AudioRefused:
    """A chunk that the service did not take; `seq` is its number, None if that is not known."""

    seq: int | None
    error: RequestRefusedError


@dataclass(frozen=True, slots=True)
class CaptionRefused:
    """A caption that the service did not take."""

    error: RequestRefusedError


@dataclass(frozen=True, slots=True)
class Notification:
    """Something happened in the session without our asking; already applied to the state."""

    message: ServerMessage


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """The reply to the request of that id."""

    request_id: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The request of that id got an error."""

    request_id: str
    error: RequestRefusedError


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is lost; for `seconds` at most it will be tried to have it again."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection is there again, after `seconds`, and has its seat back as `reply` says."""

    reply: SessionJoined
    seconds: float


@dataclass(frozen=True, slots=True)
class RolledOver:
    """Another connection has the seat now, before the one before was over; `reply` is what that
    got. Nothing was missed, so there is nothing to tell people.
    """

    reply: SessionJoined


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Another connection has the seat now, because on the one before sound came `seconds` late;
    what was said meanwhile is not heard.
    """

    seconds: float


Notice = Notification | Disconnected | Reconnected | RolledOver | CaughtUp
Event = AudioReceived | CaptionReceived | AudioRefused | CaptionRefused | Notice
RequestOutcome = ReplyReceived | RequestRefused
