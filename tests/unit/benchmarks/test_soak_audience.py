"""A listener of the soak test checks every chunk."""

from __future__ import annotations

import base64

import msgspec
import pytest

from benchmarks.soak.audience import Heard, SoakListener, sound_of
from shared.protocol.messages import Audio


@pytest.fixture
async def heard() -> Heard:
    return Heard()


def chunk(
    seq: int, language: str = "es", *, session: str = "s", sound: str = "", epoch: int = 1
) -> bytes:
    audio = sound_of(sound or language) * 4
    message = Audio(
        session_id=session, language=language, epoch=epoch, seq=seq, timestamp=1, audio=audio
    )
    return msgspec.json.encode(message)


def listener(heard: Heard) -> SoakListener:
    return SoakListener("ws://host/dev", "s", "es", "en", heard)


async def test_its_language_and_the_floor_are_right(heard: Heard) -> None:
    one = listener(heard)
    for payload in (chunk(1), chunk(2), chunk(5, "en", epoch=2), chunk(6, "en", epoch=2)):
        one.text_received(payload)
    assert (heard.chunks, heard.wrong, heard.missing, heard.repeated) == (4, [], 0, 0)


@pytest.mark.parametrize(
    "payload", [chunk(1, "fr"), chunk(1, session="other"), chunk(1, "es", sound="fr")]
)
async def test_another_session_language_or_sound_is_wrong(heard: Heard, payload: bytes) -> None:
    listener(heard).text_received(payload)
    assert len(heard.wrong) == 1


async def test_gaps_late_chunks_and_repetitions_are_counted(heard: Heard) -> None:
    one = listener(heard)
    for seq in (1, 2, 2, 5, 4, 6):
        one.text_received(chunk(seq))
    assert (heard.missing, heard.overtaken, heard.repeated) == (1, 1, 1)


async def test_a_refused_join_fails(heard: Heard) -> None:
    one = listener(heard)
    one.text_received(b'{"type":"error","code":"SESSION_NOT_FOUND"}')
    with pytest.raises(ConnectionError, match="SESSION_NOT_FOUND"):
        await one.ready


def test_sounds_differ() -> None:
    marks = {base64.b64encode(sound_of(language)) for language in ("en", "es", "fr", "de")}
    assert len(marks) >= 3
