"""The client side of the WebSocket protocol, without I/O.

Turns requests into frames and frames into events, and tracks the session state and the active
announcements. `client.connection.websocket` owns the socket.
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
# Messages held while a join or language change waits for its reply. Enough for a slow service;
# older live audio is not worth keeping.
_MAX_HELD = 64


class _Header(msgspec.Struct):
    """Fields that identify a frame; the gateway's own errors have a `message` but no `type`."""

    type: str | None = None
    message: object = None


def _decoders() -> dict[str, msgspec.json.Decoder[ServerMessage]]:
    return {str(kind.__struct_config__.tag): msgspec.json.Decoder(kind) for kind in SERVER_MESSAGES}


class SessionCore:
    """Protocol state of one connection; `ignored` counts frames without effect."""

    def __init__(self) -> None:
        self.state: SessionState | None = None
        self.announcements = AnnouncementTracker()
        self.ignored = 0
        self._ids = itertools.count(1)
        self._pending: dict[str, Request] = {}
        self._held: deque[tuple[ServerMessage, float]] = deque(maxlen=_MAX_HELD)
        # Pending heartbeats whose acknowledgement may carry an outdated lease.
        self._stale_heartbeats: set[str] = set()
        self._decoders = _decoders()
        self._header_decoder = msgspec.json.Decoder(_Header)

    def ask(self, request: Request) -> tuple[str, bytes]:
        """Return a new request id and the frame; ReplyReceived or RequestRefused will follow."""
        request_id = f"r{next(self._ids)}"
        self._pending[request_id] = request
        return request_id, encode(msgspec.structs.replace(request, request_id=request_id))

    def give_up(self, request_id: str) -> None:
        """Stop expecting a reply to the request."""
        self._pending.pop(request_id, None)
        self._stale_heartbeats.discard(request_id)

    @staticmethod
    def audio_frame(
        seq: int,
        timestamp: int,
        audio: bytes,
        renders: Renders | None = None,
        chunk_ms: int | None = None,
    ) -> bytes:
        """Return the frame of a chunk. Success has no reply; a refusal becomes AudioRefused."""
        request_id = f"{_AUDIO_ID}{seq}"
        return encode(
            SendAudio(
                request_id=request_id,
                seq=seq,
                timestamp=timestamp,
                audio=audio,
                renders=renders,
                chunk_ms=chunk_ms,
            )
        )

    @staticmethod
    def caption_frame(caption: SendCaption) -> bytes:
        """Return the frame of a caption. Success has no reply; a refusal becomes CaptionRefused."""
        return encode(msgspec.structs.replace(caption, request_id=_CAPTION_ID))

    def receive(self, frame: bytes | str, received_at_ms: float) -> list[Event | RequestOutcome]:
        """Decode a frame, update the state and return the resulting events.

        Unknown types and malformed frames are counted and ignored: a newer server may send types
        that this client does not know.
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
                return self._handle_error(message)
            case Reply(request_id=str(request_id)) if request_id in self._pending:
                return self._handle_reply(request_id, message, received_at_ms)
            case HeartbeatAck():
                self.ignored += 1  # its request has timed out
                return []
            case _:
                return self._handle_push(message, received_at_ms)

    def _handle_reply(
        self, request_id: str, reply: Reply, received_at_ms: float
    ) -> list[Event | RequestOutcome]:
        request = self._pending.pop(request_id)
        if isinstance(reply, HeartbeatAck):
            return [ReplyReceived(request_id, reply), *self._apply_ack(request_id, reply)]
        self.state = next_state(self.state, reply, received_at_ms)
        if isinstance(request, JoinSession) and self.state is not None:
            credentials = JoinCredentials(request.source, request.ticket, request.secret)
            self.state = replace(self.state, credentials=credentials)
        if isinstance(reply, SessionJoined | InterpreterLease):
            self._mark_heartbeats_stale()
        self.announcements.apply(reply)
        return [ReplyReceived(request_id, reply), *self._replay_held()]

    def _apply_ack(self, request_id: str, ack: HeartbeatAck) -> list[Event | RequestOutcome]:
        """Apply the lease in an acknowledgement: an earlier push about it may have been lost."""
        stale = request_id in self._stale_heartbeats
        self._stale_heartbeats.discard(request_id)
        before, lease = self.state, ack.lease
        if stale or before is None or lease is None or lease.language != before.target_language:
            return []
        self._mark_heartbeats_stale()
        self.state = before.with_lease(lease)
        if before.holds is lease.holds:
            return []
        reason: LeaseReason = "promoted" if lease.holds else "expired"
        message = InterpreterLease(session_id=before.session_id, lease=lease, reason=reason)
        return [Notification(message)]

    def _mark_heartbeats_stale(self) -> None:
        self._stale_heartbeats |= {
            request_id
            for request_id, request in self._pending.items()
            if isinstance(request, Heartbeat)
        }

    def _handle_error(self, message: ErrorMessage) -> list[Event | RequestOutcome]:
        error = RequestRefusedError.from_message(message)
        request_id = message.request_id
        if request_id in self._pending:
            return self._fail(request_id, error)
        if request_id == _CAPTION_ID or (request_id is None and message.action == "sendCaption"):
            return [CaptionRefused(error)]
        if request_id is None:
            # The service could not parse the request, so the error belongs to a pending one.
            return self._attribute(None if message.action == "sendAudio" else self._oldest(), error)
        if request_id.startswith(_AUDIO_ID):
            number = request_id.removeprefix(_AUDIO_ID)
            return [AudioRefused(int(number) if number.isdecimal() else None, error)]
        self.ignored += 1  # its request has timed out
        return []

    def _gateway_fault(self, text: str) -> list[Event | RequestOutcome]:
        """Handle a gateway error without `type`; its id is the gateway's, not a request's."""
        return self._attribute(self._oldest(), RequestRefusedError.from_gateway(text))

    def _oldest(self) -> str | None:
        return next(iter(self._pending), None)

    def _attribute(
        self, request_id: str | None, error: RequestRefusedError
    ) -> list[Event | RequestOutcome]:
        """Fail the request; without one it was audio, the only frame that expects no reply."""
        if request_id is None:
            return [AudioRefused(None, error)]
        return self._fail(request_id, error)

    def _fail(self, request_id: str, error: RequestRefusedError) -> list[Event | RequestOutcome]:
        del self._pending[request_id]
        return [RequestRefused(request_id, error), *self._replay_held()]

    def _handle_push(
        self, message: ServerMessage, received_at_ms: float
    ) -> list[Event | RequestOutcome]:
        if not self._is_relevant(message):
            if self._pending_languages():
                # PROTOCOL rule 5: it may belong to the seat that a pending request will bring.
                self._held.append((message, received_at_ms))
            else:
                self.ignored += 1
            return []
        before, self.state = self.state, next_state(self.state, message, received_at_ms)
        match message:
            case Audio():
                return [
                    *self._speaker_return(before, message),
                    AudioReceived(message, received_at_ms),
                ]
            case Caption():
                return [CaptionReceived(message)]
            case InterpreterLease():
                self._mark_heartbeats_stale()
        return [Notification(message)] if self._is_news(message, before) else []

    def _is_news(self, message: ServerMessage, before: SessionState | None) -> bool:
        """Return whether the message says something new; repeated and outdated ones do not."""
        match message:
            case SpeakerReconnected(epoch=epoch) if before and before.floor.has_reported(epoch):
                return False  # audio has shown it already
            case ChannelSourceChanged() if self.state is before:
                return False
            case BroadcastStateChanged(broadcast_state=state) if before and before.is_stale(state):
                return False
            case InterpreterLease(lease=lease):
                return before is not None and before.holds is not lease.holds
            case _:
                return self.announcements.apply(message)

    def _speaker_return(
        self, before: SessionState | None, audio: Audio
    ) -> list[Event | RequestOutcome]:
        """Report the speaker's return if this chunk is the first sign of it."""
        if before is None or self.state is None or before.speaker_connected:
            return []
        if not self.state.speaker_connected:
            return []
        return [Notification(SpeakerReconnected(session_id=audio.session_id, epoch=audio.epoch))]

    def _is_relevant(self, message: ServerMessage) -> bool:
        if isinstance(message, Audio | Caption):
            return self.state is not None and self.state.accepts(message)
        if isinstance(message, ChannelSourceChanged) and (
            message.language in self._pending_languages()
        ):
            return False  # newer than the pending reply: apply it afterwards
        if isinstance(message, InterpreterLease) and not self._pending_languages():
            return self.state is not None and message.lease.language == self.state.target_language
        session_id = getattr(message, "session_id", None)
        here = self.state.session_id if self.state else None
        return session_id is None or session_id == here

    def _pending_languages(self) -> list[str]:
        """Return the languages of pending joins and language changes."""
        return [
            request.target_language
            for request in self._pending.values()
            if isinstance(request, JoinSession | ChangeLanguage)
        ]

    def _replay_held(self) -> list[Event | RequestOutcome]:
        held, self._held = self._held, deque(maxlen=_MAX_HELD)
        return [
            event
            for message, received_at_ms in held
            for event in self._handle_push(message, received_at_ms)
        ]
