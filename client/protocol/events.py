"""Events that the protocol core and the connections yield."""

from __future__ import annotations

from dataclasses import dataclass

from client.errors import RequestRefusedError
from shared.protocol.interpretation_messages import Caption
from shared.protocol.message_base import Reply, ServerMessage
from shared.protocol.messages import Audio, SessionJoined


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """An audio chunk for this client and its arrival time (ms, the receiver's clock)."""

    audio: Audio
    received_at_ms: float


@dataclass(frozen=True, slots=True)
class CaptionReceived:
    """A caption for this client."""

    caption: Caption


@dataclass(frozen=True, slots=True)
class AudioRefused:
    """The service refused a chunk; `seq` is its number, None if unknown."""

    seq: int | None
    error: RequestRefusedError


@dataclass(frozen=True, slots=True)
class CaptionRefused:
    """The service refused a caption."""

    error: RequestRefusedError


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that the service pushed; already applied to the session state."""

    message: ServerMessage


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """The reply to the request `request_id`."""

    request_id: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The service refused the request `request_id`."""

    request_id: str
    error: RequestRefusedError


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is lost; reconnection is attempted for up to `seconds`."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Reconnected:
    """A new connection has the seat again, after `seconds`; `reply` describes the seat."""

    reply: SessionJoined
    seconds: float


@dataclass(frozen=True, slots=True)
class RolledOver:
    """A new connection took over the seat before the former one expired.

    Nothing was missed, so user interfaces need not show it. `reply` is the new connection's.
    """

    reply: SessionJoined


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A new connection took over because audio arrived `seconds` late on the former one.

    The audio in between is skipped.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Interruption:
    """Audio missed between two connections, known once audio is played again.

    `chunks` is None if the sequence numbers do not tell, because the source has changed or a pause
    withheld chunks. `missed_ms` is the duration of the missing chunks, or else that of the
    interruption.
    """

    chunks: int | None
    missed_ms: float

    @property
    def recovered(self) -> bool:
        """Whether nothing was missed."""
        return self.chunks == 0


Notice = Notification | Disconnected | Reconnected | RolledOver | CaughtUp | Interruption
Event = AudioReceived | CaptionReceived | AudioRefused | CaptionRefused | Notice
RequestOutcome = ReplyReceived | RequestRefused
