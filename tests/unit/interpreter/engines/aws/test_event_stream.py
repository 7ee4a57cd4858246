from __future__ import annotations

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engines.aws.event_stream import Frame, FrameError, audio_event, decode, encode

names = st.text(min_size=1, max_size=60)
headers = st.dictionaries(names, st.text(max_size=300), max_size=6)
payloads = st.binary(max_size=2_000)


@given(st.lists(st.tuples(headers, payloads), max_size=4))
def test_frames_survive_encoding_and_decoding(frames: list[tuple[dict[str, str], bytes]]) -> None:
    message = b"".join(encode(*frame) for frame in frames)

    assert list(decode(message)) == [Frame(*frame) for frame in frames]


@given(st.binary(max_size=200))
def test_random_bytes_raise_frame_error(message: bytes) -> None:
    # Random bytes practically never form a frame with two valid checksums.
    if message:
        with pytest.raises(FrameError, match="connect again"):
            list(decode(message))


@given(headers, payloads, st.data())
def test_damaged_frames_raise_frame_error(
    found: dict[str, str], payload: bytes, data: st.DataObject
) -> None:
    message = bytearray(encode(found, payload))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(FrameError):
        list(decode(bytes(message)))


def test_audio_event_has_the_documented_headers() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(audio_event(b"\1\2"))
    (message,) = list(buffer)

    assert message.to_response_dict() == {
        "status_code": 200,
        "headers": {
            ":content-type": "application/octet-stream",
            ":event-type": "AudioEvent",
            ":message-type": "event",
        },
        "body": b"\1\2",
    }


def test_a_frame_matches_the_documented_example() -> None:
    # The example of https://smithy.io/2.0/aws/amazon-eventstream.html: a payload, one header.
    frame = encode({":message-type": "event"}, b"{}")

    assert frame[:8] == bytes.fromhex("00000028 00000016".replace(" ", ""))
    assert frame[12:34] == b"\x0d:message-type\x07\x00\x05event"
    assert frame[34:36] == b"{}"
    assert len(frame) == 0x28


@pytest.mark.parametrize(
    ("found", "event", "exception"),
    [
        ({":message-type": "event", ":event-type": "TranscriptEvent"}, "TranscriptEvent", None),
        (
            {":message-type": "exception", ":exception-type": "BadRequestException"},
            None,
            "BadRequestException",
        ),
        ({":message-type": "error", ":error-code": "500"}, None, "error"),
        ({":message-type": "event"}, None, None),
    ],
)
def test_frames_name_their_event_or_exception(
    found: dict[str, str], event: str | None, exception: str | None
) -> None:
    (frame,) = decode(encode(found, b""))

    assert (frame.event, frame.exception) == (event, exception)
