"""Captions: interpreters' text, sent to the audience that hears the audio."""

from __future__ import annotations

from shared.fanout.audience import LanguageAudience
from shared.fanout.rosters import RosterCache
from shared.models.connection import Caller
from shared.models.errors import ErrorCode, LingocastError
from shared.models.request_errors import forbidden, require_source
from shared.models.session import AudioSource, Session
from shared.protocol.interpretation_messages import Caption, SendCaption
from shared.protocol.message_base import encode
from shared.services.audio.audio_sources import AudioSources, require_audio_source
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.session_notifier import CONTROL_DEADLINE_MS
from shared.utils.interpretation_values import validate_caption
from shared.utils.keyed_rate_limiter import KeyedRateLimiter
from shared.utils.validators import validate_language_code

CAPTIONS_PER_SECOND = 10
CAPTION_BURST = 20

_ALLOWED = "the interpreter of a language"


class CaptionService:
    """Answers sendCaption, with the same checks as audio.

    Each caption has its own invocation and fan-out, so captions and chunks never wait for each
    other.
    """

    def __init__(
        self,
        sources: AudioSources,
        broadcasts: BroadcastHandler,
        rosters: RosterCache,
    ) -> None:
        self._sources = sources
        self._broadcasts = broadcasts
        self._rosters = rosters
        self._buckets = KeyedRateLimiter(per_second=CAPTIONS_PER_SECOND, burst=CAPTION_BURST)

    def send_caption(self, caller: Caller, request: SendCaption) -> None:
        """Deliver a caption.

        A caption is dropped without an error while the session does not broadcast. A caption of the
        floor is also dropped if the sender is not the floor's captioner.

        Raises INVALID_CAPTION, INVALID_LANGUAGE, CONNECTION_NOT_FOUND, NOT_IN_SESSION, FORBIDDEN
        or RATE_LIMITED.
        """
        text = validate_caption(request)
        language = request.language
        if language is not None:
            language = validate_language_code(language, "language")
        require_source(caller, "sendCaption", _ALLOWED)
        session, source = self._sources.find(caller)
        session, source = require_audio_source(session, source, "sendCaption", _ALLOWED)
        channel = _channel(session, source, language or source.language)
        self._sources.touch(caller)
        if channel is None or not self._sources.is_audible(session, caller):
            return
        key = (session.session_id, channel.language, channel.epoch)
        # Charge by time of receipt: captions that queue for a cold start did not arrive at once.
        if not self._buckets.take(key, caller.received_at):
            raise LingocastError(
                ErrorCode.RATE_LIMITED,
                f"sendCaption: more than {CAPTIONS_PER_SECOND} a second; leave partial ones out",
            )
        caption = Caption(
            session_id=session.session_id,
            language=channel.language,
            text=text,
            final=request.final,
            epoch=channel.epoch,
            timestamp=request.timestamp,
            end_timestamp=request.end_timestamp,
            spoken=request.spoken,
        )
        # A partial caption is soon replaced; a final one stays.
        deadline_ms = CONTROL_DEADLINE_MS if request.final else session.audio_format.deadline_ms
        audience = LanguageAudience(
            session, channel.language, self._rosters, except_for=caller.connection_id
        )
        try:
            self._broadcasts.broadcast(
                [(audience, encode(caption))],
                caller.received_at + deadline_ms,
                live=not request.final,
            )
        finally:
            self._rosters.wait_for_refreshes()


def _channel(session: Session, source: AudioSource, language: str) -> AudioSource | None:
    """Return the channel of a caption in `language`, or None if another machine captions it.

    Raises FORBIDDEN.
    """
    floor = session.source_language
    if source.language == floor:
        raise forbidden("sendCaption", _ALLOWED)
    if language == source.language:
        return source
    if language != floor:
        raise forbidden("sendCaption", f"the interpreter of {language}")
    if session.channel_source(source.language) != "machine":
        raise forbidden("sendCaption", "a machine that interprets")
    if session.floor_captioner != source.language:
        return None
    return AudioSource(floor, session.speaker_epoch)
