"""Captions: what interpreters say as text, to whoever hears the sound that it is the text of."""

from __future__ import annotations

from shared.fanout.audience import LanguageAudience
from shared.fanout.rosters import RosterCache
from shared.models.connection import Caller
from shared.models.errors import ErrorCode, LingocastError
from shared.models.request_errors import forbidden, require_source
from shared.models.session import AudioSource, Session
from shared.protocol.interpretation_messages import Caption, SendCaption
from shared.protocol.message_base import encode
from shared.services.audio.audio_sources import AudioSources, entitled
from shared.services.broadcast_handler import BroadcastHandler
from shared.services.session_notifier import CONTROL_DEADLINE_MS
from shared.utils.interpretation_values import validate_caption
from shared.utils.keyed_rate_limiter import KeyedRateLimiter
from shared.utils.validators import validate_language_code

CAPTIONS_A_SECOND = 10
CAPTIONS_AT_ONCE = 20

_WHO = "the interpreter of a language"


class CaptionService:
    """Takes the captions of interpreters, by the gates of their audio.

    Each is an invocation and a fan-out of its own: none waits for a chunk, and no chunk for it.
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
        self._buckets = KeyedRateLimiter(per_second=CAPTIONS_A_SECOND, burst=CAPTIONS_AT_ONCE)

    def send_caption(self, caller: Caller, request: SendCaption) -> None:
        """Deliver a caption, or drop it silently: while nothing is broadcast, and of the floor
        unless the sender is who captions it.

        Raises INVALID_CAPTION, INVALID_LANGUAGE, CONNECTION_NOT_FOUND, NOT_IN_SESSION, FORBIDDEN
        or RATE_LIMITED.
        """
        text = validate_caption(request)
        wanted = request.language
        if wanted is not None:
            wanted = validate_language_code(wanted, "language")
        require_source(caller, "sendCaption", _WHO)
        session, source = self._sources.find(caller)
        session, source = entitled(session, source, "sendCaption", _WHO)
        channel = _channel(session, source, wanted or source.language)
        self._sources.touch(caller)
        if channel is None or not self._sources.is_audible(session, caller):
            return
        key = (session.session_id, channel.language, channel.epoch)
        # By the arrival: what waited for a cold start together did not come together.
        if not self._buckets.take(key, caller.received_at):
            raise LingocastError(
                ErrorCode.RATE_LIMITED,
                f"sendCaption: more than {CAPTIONS_A_SECOND} a second; leave partial ones out",
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
        # A partial one is soon replaced; a final one is what stays to be read.
        lasts_ms = CONTROL_DEADLINE_MS if request.final else session.audio_format.deadline_ms
        audience = LanguageAudience(
            session, channel.language, self._rosters, except_for=caller.connection_id
        )
        try:
            self._broadcasts.broadcast([(audience, encode(caption))], caller.received_at + lasts_ms)
        finally:
            self._rosters.wait_for_refreshes()


def _channel(session: Session, source: AudioSource, language: str) -> AudioSource | None:
    """The channel that a caption in `language` belongs to; None if another machine captions that.

    Raises FORBIDDEN.
    """
    floor = session.source_language
    if source.language == floor:
        raise forbidden("sendCaption", _WHO)
    if language == source.language:
        return source
    if language != floor:
        raise forbidden("sendCaption", f"the interpreter of {language}")
    if session.channel_source(source.language) != "machine":
        raise forbidden("sendCaption", "a machine that interprets")
    if session.floor_captioner != source.language:
        return None
    return AudioSource(floor, session.speaker_epoch)
