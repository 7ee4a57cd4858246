"""Limits and validation of sizes, language codes, IDs, formats and chunks.

Each validator raises ValidationError, which names the field and the reason.
"""

from __future__ import annotations

import re

import msgspec

from shared.models.audio_format import (
    CHUNK_DURATIONS_MS,
    MAX_PCM_CHUNK_BYTES,
    OPUS,
    PCM,
    AudioFormat,
)
from shared.models.broadcast_state import checked_volume
from shared.models.errors import ErrorCode, ValidationError
from shared.protocol.messages import RequestedAudioFormat
from shared.protocol.requests import ACTIONS

# API Gateway's limit for a WebSocket message (128 KB):
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MAX_MESSAGE_BYTES = 128 * 1024
MAX_CONTROL_MESSAGE_BYTES = 4 * 1024
# An announcement, with its translations.
MAX_ANNOUNCEMENT_MESSAGE_BYTES = 24 * 1024
# Room for any token that fits a handshake: API Gateway takes 10 KB of request line and headers.
MAX_TOKEN_MESSAGE_BYTES = 12 * 1024
MIN_AUDIO_CHUNK_BYTES = 100
MAX_AUDIO_CHUNK_BYTES = 32 * 1024
# The largest chunk in base64, plus JSON of the size of a control message.
MAX_AUDIO_MESSAGE_BYTES = (MAX_AUDIO_CHUNK_BYTES + 2) // 3 * 4 + MAX_CONTROL_MESSAGE_BYTES

QUALITY_TIERS = ("standard", "premium")
SAMPLE_RATES_HZ = range(8_000, 48_001)

_SESSION_ID = re.compile(r"[a-z]{2,20}-[a-z]{2,20}-[0-9]{3}")
# RFC 5646, section 2.1. Primary subtags of four or more letters are reserved or unregistered; a
# client that sends one most likely means a language's name ("english").
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
        # JSON can contain lone surrogates, which count as three bytes too.
        message = message.encode(errors="surrogatepass")
    if not isinstance(message, bytes):
        raise ValidationError(ErrorCode.INVALID_MESSAGE, "message", "neither a string nor bytes")
    if len(message) > limit:
        raise ValidationError(
            ErrorCode.MESSAGE_TOO_LARGE,
            "message",
            f"{len(message)} bytes, the maximum for a {kind} is {limit}; send less at a time",
        )


def validate_message_size(message: str | bytes) -> None:
    """Validate any message: at most 128 KB in UTF-8."""
    _check_size(message, MAX_MESSAGE_BYTES, "message")


def validate_control_message_size(message: object) -> None:
    """Validate a control message, encoded or as JSON values: at most 4 KB."""
    if not isinstance(message, str | bytes):
        try:
            message = msgspec.json.encode(message)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationError(
                ErrorCode.INVALID_MESSAGE, "message", "cannot be encoded as JSON"
            ) from error
    _check_size(message, MAX_CONTROL_MESSAGE_BYTES, "control message")


def validate_announcement_message_size(message: str | bytes) -> None:
    """Validate a request about announcements: at most 24 KB."""
    _check_size(message, MAX_ANNOUNCEMENT_MESSAGE_BYTES, "request about announcements")


def validate_token_message_size(message: str | bytes) -> None:
    """Validate an authenticate message: at most 12 KB."""
    _check_size(message, MAX_TOKEN_MESSAGE_BYTES, "message with a token")


def validate_audio_message_size(message: str | bytes) -> None:
    """Validate a sendAudio message: at most the largest chunk in base64, plus 4 KB."""
    _check_size(message, MAX_AUDIO_MESSAGE_BYTES, "sendAudio")


def validate_chunk_ms(requested: int | None, audio_format: AudioFormat) -> AudioFormat:
    """Return the format of a chunk that may be longer than the session's. Only PCM may."""
    if requested is None:
        return audio_format
    shortest, longest = audio_format.chunk_ms, audio_format.longest_chunk_ms
    if not shortest <= requested <= longest:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO,
            "chunkMs",
            f"not between {shortest} and {longest} ms, as this session's format allows",
        )
    return audio_format.with_chunk_ms(requested)


def validate_audio_chunk_size(audio: bytes, audio_format: AudioFormat | None = None) -> None:
    """Validate a chunk: 100 B to 32 KB; for PCM, whole samples no longer than chunkMs.

    Opus has no minimum, because its silence is tiny.
    """
    if not isinstance(audio, bytes):
        raise ValidationError(ErrorCode.INVALID_AUDIO, "audio", "not bytes; send a chunk's bytes")
    size = len(audio)
    if size > MAX_AUDIO_CHUNK_BYTES:
        raise ValidationError(
            ErrorCode.MESSAGE_TOO_LARGE,
            "audio",
            f"{size} bytes, the maximum is {MAX_AUDIO_CHUNK_BYTES}; send shorter chunks",
        )
    if size == 0:
        raise ValidationError(ErrorCode.INVALID_AUDIO, "audio", "empty; send a chunk's bytes")
    if audio_format is not None and not audio_format.is_pcm:
        return
    if size < MIN_AUDIO_CHUNK_BYTES:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO,
            "audio",
            f"{size} bytes, the minimum is {MIN_AUDIO_CHUNK_BYTES}; "
            "pad the last one of a stream with zeros",
        )
    if audio_format is None:
        return
    if size % audio_format.frame_bytes:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO,
            "audio",
            f"{size} bytes are not a whole number of {audio_format.frame_bytes}-byte samples",
        )
    if size > audio_format.chunk_bytes:
        raise ValidationError(
            ErrorCode.INVALID_AUDIO,
            "audio",
            f"{size} bytes last longer than the chunkMs of {audio_format.chunk_ms}; "
            f"send at most {audio_format.chunk_bytes}",
        )


def validate_language_code(code: str, field: str = "targetLanguage") -> str:
    """Validate the form of a BCP 47 code and return it in lower case."""
    lowered = code.lower() if isinstance(code, str) else ""
    if len(lowered) > _MAX_LANGUAGE_LENGTH or not _LANGUAGE.fullmatch(lowered):
        raise ValidationError(
            ErrorCode.INVALID_LANGUAGE, field, "not a BCP 47 language code such as es or pt-br"
        )
    return lowered


def validate_client_id(client_id: str, field: str = "clientId") -> str:
    """Validate the stable ID of a client without a token."""
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise ValidationError(
            ErrorCode.INVALID_MESSAGE, field, "not 8 to 64 letters, digits, - and _; make a UUID"
        )
    return client_id


def validate_session_id(session_id: str, field: str = "sessionId") -> str:
    """Validate a session ID: the form `golden-eagle-427`."""
    if not isinstance(session_id, str) or not _SESSION_ID.fullmatch(session_id):
        raise ValidationError(
            ErrorCode.INVALID_SESSION_ID, field, "not of the form golden-eagle-427"
        )
    return session_id


def validate_quality_tier(tier: str, field: str = "qualityTier") -> str:
    """Validate a quality tier."""
    if tier not in QUALITY_TIERS:
        raise ValidationError(
            ErrorCode.INVALID_QUALITY_TIER, field, f"not one of {', '.join(QUALITY_TIERS)}"
        )
    return tier


def validate_volume(volume: object) -> float:
    """Validate a volume of 0.0-1.0 and round it to six decimals."""
    return checked_volume(volume)


def validate_action(action: object) -> str:
    """Validate the name of an action."""
    if not isinstance(action, str):
        raise ValidationError(ErrorCode.INVALID_MESSAGE, "action", "not a string")
    if action not in ACTIONS:
        raise ValidationError(
            ErrorCode.UNKNOWN_ACTION, "action", f"not one of {', '.join(sorted(ACTIONS))}"
        )
    return action


def validate_audio_format(requested: RequestedAudioFormat | None) -> AudioFormat:
    """Validate a requested format; None is the default. PCM chunks have at most 24 000 B."""
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
            f"a chunk has {audio_format.chunk_bytes} bytes, the maximum is {MAX_PCM_CHUNK_BYTES}; "
            "lower chunkMs or sampleRate",
            ErrorCode.INVALID_AUDIO,
        )
    return audio_format
