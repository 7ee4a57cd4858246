"""Every limit and domain of the protocol, once: sizes, language codes, ids, formats, chunks."""

from __future__ import annotations

import re

import msgspec

from shared.models.audio_format import OPUS, PCM, AudioFormat
from shared.models.broadcast_state import checked_volume
from shared.models.errors import ErrorCode, ValidationError
from shared.protocol.messages import RequestedAudioFormat
from shared.protocol.requests import ACTIONS

# API Gateway's own limit on a WebSocket message (128 KB); see
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MAX_MESSAGE_BYTES = 128 * 1024
MAX_CONTROL_MESSAGE_BYTES = 4 * 1024
# An announcement, with its translations.
MAX_ANNOUNCEMENT_MESSAGE_BYTES = 24 * 1024
# A token; one that fits a handshake fits here: API Gateway takes 10 KB of request line and headers.
MAX_TOKEN_MESSAGE_BYTES = 12 * 1024
MIN_AUDIO_CHUNK_BYTES = 100
MAX_AUDIO_CHUNK_BYTES = 32 * 1024
# The largest chunk in base64, and as much JSON around it as a control message may have.
MAX_AUDIO_MESSAGE_BYTES = (MAX_AUDIO_CHUNK_BYTES + 2) // 3 * 4 + MAX_CONTROL_MESSAGE_BYTES
# Base64 and JSON around it must fit one 32 KB frame, which is all that a browser sends.
MAX_PCM_CHUNK_BYTES = 24_000

QUALITY_TIERS = ("standard", "premium")
SAMPLE_RATES_HZ = range(8_000, 48_001)
CHUNK_DURATIONS_MS = range(100, 1_001)

_SESSION_ID = re.compile(r"[a-z]{2,20}-[a-z]{2,20}-[0-9]{3}")
# RFC 5646, section 2.1. Primary subtags of four and more letters are reserved or have never been
# registered: what looks like one is a language's name ("english") rather than its code.
_LANGUAGE = re.compile(
    r"""
    [a-z]{2,3}(-[a-z]{3}){0,3}            # language, extended language
    (-[a-z]{4})?                          # script
    (-([a-z]{2}|[0-9]{3}))?               # region
    (-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*  # variants
    (-[0-9a-wyz](-[a-z0-9]{2,8})+)*       # extensions
    (-x(-[a-z0-9]{1,8})+)?                # private use
    """,
    re.VERBOSE,
)
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MAX_LANGUAGE_LENGTH = 35  # RFC 5646, section 4.4.1


def _check_size(message: object, limit: int, kind: str) -> None:
    if isinstance(message, str):
        # A half of a surrogate pair, which JSON can spell, has three bytes too.
        message = message.encode(errors="surrogatepass")
    if not isinstance(message, bytes):
        raise ValidationError(ErrorCode.INVALID_MESSAGE, "message", "neither text nor bytes")
    if len(message) > limit:
        raise ValidationError(
            ErrorCode.MESSAGE_TOO_LARGE,
            "message",
            f"{len(message)} bytes, a {kind} may have {limit}; send less at a time",
        )


def validate_message_size(message: str | bytes) -> None:
    """Any message: at most 128 KB, counted in bytes of UTF-8."""
    _check_size(message, MAX_MESSAGE_BYTES, "message")


def validate_control_message_size(message: object) -> None:
    """Any message but audio: at most 4 KB, as text or bytes, or as what JSON is made of."""
    if not isinstance(message, str | bytes):
        try:
            message = msgspec.json.encode(message)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationError(
                ErrorCode.INVALID_MESSAGE, "message", "cannot be written as JSON"
            ) from error
    _check_size(message, MAX_CONTROL_MESSAGE_BYTES, "control message")


def validate_announcement_message_size(message: str | bytes) -> None:
    """A request about announcements: at most 24 KB."""
    _check_size(message, MAX_ANNOUNCEMENT_MESSAGE_BYTES, "request about announcements")


def validate_token_message_size(message: str | bytes) -> None:
    """The message of authenticate: at most 12 KB."""
    _check_size(message, MAX_TOKEN_MESSAGE_BYTES, "message with a token")


def validate_audio_message_size(message: str | bytes) -> None:
    """A sendAudio as text: the largest chunk in base64 with 4 KB around it."""
    _check_size(message, MAX_AUDIO_MESSAGE_BYTES, "sendAudio")


def validate_audio_chunk_size(audio: bytes, audio_format: AudioFormat | None = None) -> None:
    """A chunk as the session's format allows it: 100 B to 32 KB, and for PCM whole samples that
    last no longer than chunkMs. The minimum does not hold for opus, whose silence is tiny.
    """
    if not isinstance(audio, bytes):
        raise ValidationError(ErrorCode.INVALID_AUDIO, "audio", "no bytes; send a chunk's bytes")
    size = len(audio)
    if size > MAX_AUDIO_CHUNK_BYTES:
        raise ValidationError(
            ErrorCode.MESSAGE_TOO_LARGE,
            "audio",
            f"{size} bytes, a chunk may have {MAX_AUDIO_CHUNK_BYTES}; send shorter chunks",
        )
    if size == 0:
        raise ValidationError(ErrorCode.INVALID_AUDIO, "audio", "empty; send a chunk's bytes")
    if audio_format is not None and not audio_format.is_pcm:
        return
    if size < MIN_AUDIO_CHUNK_BYTES:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO,
            "audio",
            f"{size} bytes, a chunk has at least {MIN_AUDIO_CHUNK_BYTES}; "
            "pad the last one of a stream with zeros",
        )
    if audio_format is None:
        return
    if size % audio_format.frame_bytes:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO,
            "audio",
            f"{size} bytes are no whole number of {audio_format.frame_bytes}-byte samples",
        )
    if size > audio_format.chunk_bytes:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO,
            "audio",
            f"{size} bytes last longer than the session's chunkMs of {audio_format.chunk_ms}; "
            f"send at most {audio_format.chunk_bytes}",
        )


def validate_language_code(code: str, field: str = "targetLanguage") -> str:
    """The code in lower case, if it has BCP 47's form."""
    lowered = code.lower() if isinstance(code, str) else ""
    if len(lowered) > _MAX_LANGUAGE_LENGTH or not _LANGUAGE.fullmatch(lowered):
        raise ValidationError(
            ErrorCode.INVALID_LANGUAGE, field, "not a BCP 47 language code such as es or pt-br"
        )
    return lowered


def validate_client_id(client_id: str, field: str = "clientId") -> str:
    """The id by which a client without a token is known again, if it has the form of one."""
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise ValidationError(
            ErrorCode.INVALID_MESSAGE, field, "not 8 to 64 letters, digits, - and _; make a UUID"
        )
    return client_id


def validate_session_id(session_id: str, field: str = "sessionId") -> str:
    """The id, if it has the form `golden-eagle-427`."""
    if not isinstance(session_id, str) or not _SESSION_ID.fullmatch(session_id):
        raise ValidationError(
            ErrorCode.INVALID_SESSION_ID, field, "not of the form golden-eagle-427"
        )
    return session_id


def validate_quality_tier(tier: str, field: str = "qualityTier") -> str:
    """The tier, if there is such a one."""
    if tier not in QUALITY_TIERS:
        raise ValidationError(
            ErrorCode.INVALID_QUALITY_TIER, field, f"not one of {', '.join(QUALITY_TIERS)}"
        )
    return tier


def validate_volume(volume: object) -> float:
    """The volume as it is kept, if it is a number of 0.0-1.0."""
    return checked_volume(volume)


def validate_action(action: object) -> str:
    """The action, if there is such a one."""
    if not isinstance(action, str):
        raise ValidationError(ErrorCode.INVALID_MESSAGE, "action", "not a string")
    if action not in ACTIONS:
        raise ValidationError(
            ErrorCode.UNKNOWN_ACTION, "action", f"not one of {', '.join(sorted(ACTIONS))}"
        )
    return action


def validate_audio_format(requested: RequestedAudioFormat | None) -> AudioFormat:
    """The format as asked for, or the default. A PCM chunk must fit one frame (24 000 B)."""
    if requested is None:
        return AudioFormat()

    def refuse(field: str, reason: str, code: ErrorCode = ErrorCode.INVALID_AUDIO_FORMAT) -> None:
        raise ValidationError(code, f"audioFormat.{field}", reason)

    if requested.encoding not in {PCM, OPUS}:
        refuse("encoding", f"not one of {PCM}, {OPUS}")
    if requested.sample_rate not in SAMPLE_RATES_HZ:
        refuse("sampleRate", f"not between {SAMPLE_RATES_HZ[0]} and {SAMPLE_RATES_HZ[-1]} Hz")
    if requested.channels != 1:
        refuse("channels", "only 1 channel is supported; mix down to mono")
    if requested.chunk_ms not in CHUNK_DURATIONS_MS:
        refuse("chunkMs", f"not between {CHUNK_DURATIONS_MS[0]} and {CHUNK_DURATIONS_MS[-1]} ms")
    audio_format = AudioFormat(
        encoding=OPUS if requested.encoding == OPUS else PCM,
        sample_rate=requested.sample_rate,
        channels=requested.channels,
        chunk_ms=requested.chunk_ms,
    )
    if audio_format.is_pcm and audio_format.chunk_bytes > MAX_PCM_CHUNK_BYTES:
        refuse(
            "chunkMs",
            f"a chunk has {audio_format.chunk_bytes} bytes, {MAX_PCM_CHUNK_BYTES} are possible; "
            "lower chunkMs or sampleRate",
            ErrorCode.INVALID_AUDIO,
        )
    return audio_format
