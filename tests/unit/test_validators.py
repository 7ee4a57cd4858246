"""Sizes, codes, IDs and formats at their limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.models.audio_format import MAX_PCM_CHUNK_BYTES, AudioFormat
from shared.models.errors import ValidationError
from shared.protocol.messages import RequestedAudioFormat
from shared.utils import validators


def refusal(call: object, *arguments: object) -> ValidationError:
    """Catch the error and check that it names the field and a reason."""
    with pytest.raises(ValidationError) as caught:
        call(*arguments)  # type: ignore[operator]
    assert caught.value.field
    assert caught.value.reason
    assert caught.value.message == f"{caught.value.field}: {caught.value.reason}"
    return caught.value


def refused(call: object, *arguments: object) -> str:
    return refusal(call, *arguments).code


@pytest.mark.parametrize(
    ("check", "limit"),
    [
        (validators.validate_message_size, 131_072),
        (validators.validate_control_message_size, 4_096),
        (validators.validate_audio_message_size, 47_788),
    ],
)
def test_size_limits_count_bytes(check: object, limit: int) -> None:
    check("x" * limit)  # type: ignore[operator]
    check(b"x" * limit)  # type: ignore[operator]
    check("ü" * (limit // 2))  # type: ignore[operator]
    assert refused(check, "x" * (limit + 1)) == "MESSAGE_TOO_LARGE"
    assert refused(check, "ü" * (limit // 2 + 1)) == "MESSAGE_TOO_LARGE"


@pytest.mark.parametrize("message", [None, 7, {"a": 1}, bytearray(3)])
def test_a_message_must_be_a_string_or_bytes(message: object) -> None:
    error = refusal(validators.validate_message_size, message)

    assert (error.code, error.field) == ("INVALID_MESSAGE", "message")


def test_strings_with_lone_surrogates_have_a_size() -> None:
    validators.validate_message_size("\ud800")


def test_a_control_message_may_be_json_values() -> None:
    validators.validate_control_message_size({"action": "heartbeat", "padding": "x" * 4_000})
    too_long = {"action": "heartbeat", "padding": "x" * 4_096}
    assert refused(validators.validate_control_message_size, too_long) == "MESSAGE_TOO_LARGE"


@pytest.mark.parametrize("message", [object(), {"a": object()}, {1, object()}])
def test_a_control_message_must_be_encodable_as_json(message: object) -> None:
    error = refusal(validators.validate_control_message_size, message)

    assert (error.code, error.field) == ("INVALID_MESSAGE", "message")


def test_the_sizes_leave_room_for_the_largest_chunk() -> None:
    """In base64 with JSON it fits one 32 KB frame, and no limit exceeds the gateway's."""
    assert MAX_PCM_CHUNK_BYTES * 4 // 3 < 32 * 1024
    assert validators.MAX_AUDIO_MESSAGE_BYTES < validators.MAX_MESSAGE_BYTES


@pytest.mark.parametrize(
    "code", ["en", "ES", "pt-BR", "zh-hant-tw", "gsw", "sl-rozaj-biske", "es-419", "de-x-phonebk"]
)
def test_language_codes_come_back_in_lower_case(code: str) -> None:
    assert validators.validate_language_code(code) == code.lower()


@pytest.mark.parametrize(
    "code", ["", "e", "english", "unknown", "en_us", "en-", "-en", "e n", "é", "en#es", "x" * 36]
)
def test_invalid_codes_are_refused_with_the_field(code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validators.validate_language_code(code, "sourceLanguage")
    assert (caught.value.code, caught.value.field) == ("INVALID_LANGUAGE", "sourceLanguage")


@given(st.text(max_size=40))
def test_language_validation_survives_any_string(text: str) -> None:
    try:
        accepted = validators.validate_language_code(text)
    except ValidationError:
        return
    assert accepted == accepted.lower()
    assert "#" not in accepted


@pytest.mark.parametrize("value", [None, 5, b"en", ["en"]])
@pytest.mark.parametrize(
    ("check", "code"),
    [
        (validators.validate_language_code, "INVALID_LANGUAGE"),
        (validators.validate_session_id, "INVALID_SESSION_ID"),
        (validators.validate_quality_tier, "INVALID_QUALITY_TIER"),
        (validators.validate_action, "INVALID_MESSAGE"),
    ],
)
def test_values_that_are_not_strings_are_refused_with_the_field(
    check: object, code: str, value: object
) -> None:
    assert refused(check, value) == code


@pytest.mark.parametrize("session_id", ["golden-eagle-427", "ab-cd-000"])
def test_session_ids(session_id: str) -> None:
    assert validators.validate_session_id(session_id) == session_id


@pytest.mark.parametrize(
    "session_id", ["", "golden-eagle", "golden-eagle-42", "Golden-eagle-427", "golden-eagle-427\n"]
)
def test_invalid_session_ids_are_refused(session_id: str) -> None:
    assert refused(validators.validate_session_id, session_id) == "INVALID_SESSION_ID"


def test_default_format_is_pcm_16_khz() -> None:
    assert validators.validate_audio_format(None) == AudioFormat()
    assert AudioFormat().chunk_bytes == 6_400


@pytest.mark.parametrize(
    ("requested", "code"),
    [
        (RequestedAudioFormat(encoding="mp3"), "INVALID_AUDIO_FORMAT"),
        (RequestedAudioFormat(sample_rate=7_999), "INVALID_AUDIO_FORMAT"),
        (RequestedAudioFormat(sample_rate=48_001), "INVALID_AUDIO_FORMAT"),
        (RequestedAudioFormat(channels=2), "INVALID_AUDIO_FORMAT"),
        (RequestedAudioFormat(chunk_ms=99), "INVALID_AUDIO_FORMAT"),
        (RequestedAudioFormat(chunk_ms=1_001), "INVALID_AUDIO_FORMAT"),
        (RequestedAudioFormat(sample_rate=16_000, chunk_ms=751), "INVALID_AUDIO"),
    ],
)
def test_formats_outside_the_ranges(requested: RequestedAudioFormat, code: str) -> None:
    assert refused(validators.validate_audio_format, requested) == code


def test_formats_at_the_limits() -> None:
    for requested in (
        RequestedAudioFormat(sample_rate=8_000, chunk_ms=1_000),
        RequestedAudioFormat(sample_rate=48_000, chunk_ms=250),
        RequestedAudioFormat(encoding="opus", sample_rate=48_000, chunk_ms=1_000),
    ):
        assert validators.validate_audio_format(requested).chunk_ms == requested.chunk_ms


def test_chunks_are_whole_samples_no_longer_than_chunk_ms() -> None:
    for size in (100, 102, 6_400):
        validators.validate_audio_chunk_size(bytes(size), AudioFormat())
    for size in (0, 99, 101, 6_402):
        assert (
            refused(validators.validate_audio_chunk_size, bytes(size), AudioFormat())
            == "INVALID_AUDIO"
        )


def test_chunks_of_unknown_format() -> None:
    validators.validate_audio_chunk_size(bytes(101))
    validators.validate_audio_chunk_size(bytes(32_768))
    assert refused(validators.validate_audio_chunk_size, bytes(99)) == "INVALID_AUDIO"
    assert refused(validators.validate_audio_chunk_size, bytes(32_769)) == "MESSAGE_TOO_LARGE"


def test_tiers() -> None:
    assert validators.validate_quality_tier("premium") == "premium"
    assert refused(validators.validate_quality_tier, "Premium") == "INVALID_QUALITY_TIER"


@pytest.mark.parametrize("tier", ["", "Premium", "best", "standard "])
def test_unknown_tiers_are_refused_with_the_valid_ones(tier: str) -> None:
    error = refusal(validators.validate_quality_tier, tier)

    assert (error.code, error.field) == ("INVALID_QUALITY_TIER", "qualityTier")
    assert "standard, premium" in error.reason


@pytest.mark.parametrize("audio", [None, "AAAA" * 100, [0] * 200])
def test_a_chunk_must_be_bytes(audio: object) -> None:
    error = refusal(validators.validate_audio_chunk_size, audio)

    assert (error.code, error.field) == ("INVALID_AUDIO", "audio")


def test_a_chunk_of_opus_may_be_tiny_but_not_empty() -> None:
    opus = AudioFormat(encoding="opus")

    validators.validate_audio_chunk_size(b"\0", opus)
    validators.validate_audio_chunk_size(bytes(32_768), opus)
    assert refused(validators.validate_audio_chunk_size, b"", opus) == "INVALID_AUDIO"
    assert refused(validators.validate_audio_chunk_size, bytes(32_769), opus) == "MESSAGE_TOO_LARGE"


@pytest.mark.parametrize("volume", [0, 0.0, 0.5, 1, 1.0])
def test_volumes(volume: float) -> None:
    assert validators.validate_volume(volume) == volume


@pytest.mark.parametrize("volume", [-0.1, 1.01, float("nan"), float("inf"), True, "1", None])
def test_invalid_volumes_are_refused(volume: object) -> None:
    error = refusal(validators.validate_volume, volume)

    assert (error.code, error.field) == ("INVALID_VOLUME", "volume")


@pytest.mark.parametrize("action", ["createSession", "sendAudio", "pauseBroadcast", "setVolume"])
def test_actions(action: str) -> None:
    assert validators.validate_action(action) == action


@pytest.mark.parametrize("action", ["", "dance", "PauseBroadcast", "$default"])
def test_unknown_actions_are_refused_with_the_valid_ones(action: str) -> None:
    error = refusal(validators.validate_action, action)

    assert (error.code, error.field) == ("UNKNOWN_ACTION", "action")
    assert "pauseBroadcast" in error.reason
