"""The client's side of the WebSocket protocol, without any input or output.

Requests become frames, frames become events; `state` is the session as it stands, `announcements`
what is announced. `client.connection.websocket` owns the socket and passes bytes both ways.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace

import msgspec

from client.errors import RequestRefusedError
from client.protocol.announcements import AnnouncementTracker
from client.protocol.events import (
    AudioReceived,
    AudioRefused,
    CaptionReceived,
    CaptionRefused,
    Event,
    Notification,
    ReplyReceived,
    RequestOutcome,
    RequestRefused,
)
from client.protocol.session_state import JoinCredentials, SessionState, next_state
from shared.models.interpretation import LeaseReason, Renders
from shared.protocol.interpretation_messages import Caption, InterpreterLease, SendCaption
from shared.protocol.message_base import Reply, Request, ServerMessage, encode
from shared.protocol.messages import (
    Audio,
    BroadcastStateChanged,
    ChangeLanguage,
    ChannelSourceChanged,
    ErrorMessage,
    Heartbeat,
    HeartbeatAck,
    JoinSession,
    SendAudio,
    SessionJoined,
    SpeakerReconnected,
)
from shared.protocol.server_messages import SERVER_MESSAGES

_AUDIO_ID = "audio-"
_CAPTION_ID = "caption"
# While a join or a change of language is under way: what arrives for it before its reply. Enough
# for the replies of a slow service; live audio older than that is not worth keeping.
_HELD = 64


class _Header(msgspec.Struct):
    """What tells one frame from another; the gateway's own objects have a message and no type."""

    type: str | None = None
    message: object = None


def _decoders() -> dict[str, msgspec.json.Decoder[ServerMessage]]:
    return {str(kind.__struct_config__.tag): msgspec.json.Decoder(kind) for kind in SERVER_MESSAGES}


class SessionCore:
    """One connection's view of the protocol; `ignored` counts frames that meant nothing to it."""

    def __init__(self) -> None:
        self.state: SessionState | None = None
        self.announcements = AnnouncementTracker()
        self.ignored = 0
        self._ids = itertools.count(1)
        self._pending: dict[str, Request] = {}
        self._held: deque[tuple[ServerMessage, float]] = deque(maxlen=_HELD)
        # Heartbeats under way when something newer was told of the lease than they may bring.
        self._overtaken: set[str] = set()
        self._decoders = _decoders()
        self._header_decoder = msgspec.json.Decoder(_Header)

    def ask(self, request: Request) -> tuple[str, bytes]:
        """The request's id and its frame; an Answered or a Refused of that id will follow."""
        request_id = f"r{next(self._ids)}"
        self._pending[request_id] = request
        return request_id, encode(msgspec.structs.replace(request, request_id=request_id))

    def give_up(self, request_id: str) -> None:
        """Expect no reply to the request any more."""
        self._pending.pop(request_id, None)
        self._overtaken.discard(request_id)

    @staticmethod
    def audio_frame(
        seq: int, timestamp: int, audio: bytes, renders: Renders | None = None
    ) -> bytes:
        """The frame of a chunk; success has no reply, a refusal becomes an AudioRefused."""
        request_id = f"{_AUDIO_ID}{seq}"
        return encode(
            SendAudio(
                request_id=request_id, seq=seq, timestamp=timestamp, audio=audio, renders=renders
            )
        )

    @staticmethod
    def caption_frame(caption: SendCaption) -> bytes:
        """The frame of a caption; success has no reply, a refusal becomes a CaptionRefused."""
        return encode(msgspec.structs.replace(caption, request_id=_CAPTION_ID))

    def receive(self, frame: bytes | str, received_at_ms: float) -> list[Event | RequestOutcome]:
        """What a frame means. Unknown types and malformed frames mean nothing and are counted:
        a newer server may send what this client does not know.
        """
        try:
            header = self._header_decoder.decode(frame)
            if header.type is None and isinstance(header.message, str):
                return self._gateway_fault(header.message)
            decoder = self._decoders.get(header.type or "")
            message = decoder.decode(frame) if decoder else None
        except msgspec.DecodeError:
            message = None
        match message:
            case None:
                self.ignored += 1
                return []
            case ErrorMessage():
                return self._refuse(message)
            case Reply(request_id=str(request_id)) if request_id in self._pending:
                return self._answer(request_id, message, received_at_ms)
            case HeartbeatAck():
                self.ignored += 1  # too late to tell anything
                return []
            case _:
                return self._push(message, received_at_ms)

    def _answer(self, request_id: str, reply: Reply, at_ms: float) -> list[Event | RequestOutcome]:
        request = self._pending.pop(request_id)
        if isinstance(reply, HeartbeatAck):
            return [ReplyReceived(request_id, reply), *self._acknowledged(request_id, reply)]
        self.state = next_state(self.state, reply, at_ms)
        if isinstance(request, JoinSession) and self.state is not None:
            claim = JoinCredentials(request.source, request.ticket, request.secret)
            self.state = replace(self.state, claim=claim)
        if isinstance(reply, SessionJoined | InterpreterLease):
            self._overtake()
        self.announcements.apply(reply)
        return [ReplyReceived(request_id, reply), *self._release()]

    def _acknowledged(self, request_id: str, ack: HeartbeatAck) -> list[Event | RequestOutcome]:
        """What an acknowledgement tells of one's lease: the push that said so first may be lost."""
        overtaken = request_id in self._overtaken
        self._overtaken.discard(request_id)
        before, lease = self.state, ack.lease
        if overtaken or before is None or lease is None or lease.language != before.target_language:
            return []
        self._overtake()
        self.state = before.with_lease(lease)
        if before.holds is lease.holds:
            return []
        reason: LeaseReason = "promoted" if lease.holds else "expired"
        told = InterpreterLease(session_id=before.session_id, lease=lease, reason=reason)
        return [Notification(told)]

    def _overtake(self) -> None:
        self._overtaken |= {
            request_id
            for request_id, request in self._pending.items()
            if isinstance(request, Heartbeat)
        }

    def _refuse(self, message: ErrorMessage) -> list[Event | RequestOutcome]:
        error = RequestRefusedError.from_message(message)
        request_id = message.request_id
        if request_id in self._pending:
            return self._fail(request_id, error)
        if request_id == _CAPTION_ID or (request_id is None and message.action == "sendCaption"):
            return [CaptionRefused(error)]
        if request_id is None:
            # The service could not even read the request: it is one of those under way.
            return self._blame(None if message.action == "sendAudio" else self._oldest(), error)
        if request_id.startswith(_AUDIO_ID):
            number = request_id.removeprefix(_AUDIO_ID)
            return [AudioRefused(int(number) if number.isdecimal() else None, error)]
        self.ignored += 1  # nobody waits for it any more
        return []

    def _gateway_fault(self, text: str) -> list[Event | RequestOutcome]:
        """An object without `type`, whose id is the gateway's own and names no request."""
        return self._blame(self._oldest(), RequestRefusedError.from_gateway(text))

    def _oldest(self) -> str | None:
        return next(iter(self._pending), None)

    def _blame(
        self, request_id: str | None, error: RequestRefusedError
    ) -> list[Event | RequestOutcome]:
        if request_id is None:  # only audio waits for no reply
            return [AudioRefused(None, error)]
        return self._fail(request_id, error)

    def _fail(self, request_id: str, error: RequestRefusedError) -> list[Event | RequestOutcome]:
        del self._pending[request_id]
        return [RequestRefused(request_id, error), *self._release()]

    def _push(self, message: ServerMessage, received_at_ms: float) -> list[Event | RequestOutcome]:
        if not self._concerns_us(message):
            if self._moves():
                # PROTOCOL rule 5: it may belong to where we are about to be.
                self._held.append((message, received_at_ms))
            else:
                self.ignored += 1
            return []
        before, self.state = self.state, next_state(self.state, message, received_at_ms)
        match message:
            case Audio():
                return [*self._found_back(before, message), AudioReceived(message, received_at_ms)]
            case Caption():
                return [CaptionReceived(message)]
            case InterpreterLease():
                self._overtake()
        return [Notification(message)] if self._is_news(message, before) else []

    def _is_news(self, message: ServerMessage, before: SessionState | None) -> bool:
        """Whether it says what was not known before."""
        match message:
            case SpeakerReconnected(epoch=epoch) if before and before.floor.has_reported(epoch):
                return False  # its sound was faster
            case ChannelSourceChanged() if self.state is before:
                return False  # told again, or overtaken
            case BroadcastStateChanged(broadcast_state=state) if before and before.is_stale(state):
                return False  # told again, or overtaken
            case InterpreterLease(lease=lease):
                return before is not None and before.holds is not lease.holds
            case _:
                return self.announcements.apply(message)

    def _found_back(
        self, before: SessionState | None, audio: Audio
    ) -> list[Event | RequestOutcome]:
        """The news that the speaker is back, if the sound brings it."""
        if before is None or self.state is None or before.speaker_connected:
            return []
        if not self.state.speaker_connected:
            return []
        return [Notification(SpeakerReconnected(session_id=audio.session_id, epoch=audio.epoch))]

    def _concerns_us(self, message: ServerMessage) -> bool:
        if isinstance(message, Audio | Caption):
            return self.state is not None and self.state.accepts(message)
        if isinstance(message, ChannelSourceChanged) and message.language in self._moves():
            return False  # newer than the reply that is still to come
        if isinstance(message, InterpreterLease) and not self._moves():
            return self.state is not None and message.lease.language == self.state.target_language
        session_id = getattr(message, "session_id", None)
        here = self.state.session_id if self.state else None
        return session_id is None or session_id == here

    def _moves(self) -> list[str]:
        """The languages that we have asked to hear and not been answered about."""
        return [
            request.target_language
            for request in self._pending.values()
            if isinstance(request, JoinSession | ChangeLanguage)
        ]

    def _release(self) -> list[Event | RequestOutcome]:
        held, self._held = self._held, deque(maxlen=_HELD)
        return [
            event
            for message, received_at_ms in held
            for event in self._push(message, received_at_ms)
        ]
