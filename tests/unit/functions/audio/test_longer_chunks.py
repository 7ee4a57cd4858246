"""sendAudio with chunks longer than the session's, and the hints that ask for them."""

from __future__ import annotations

import pytest

from shared.models.delivery import Outcome
from tests.helpers.clients import CHUNK
from tests.helpers.world import World

LONG = CHUNK * 3  # 600 ms


def throttle(world: World, listeners: list[str]) -> None:
    for listener in listeners:
        world.sender.script(listener, Outcome.THROTTLED)


def errors(world: World, connection: str) -> list[tuple[str, str]]:
    return [(push["code"], push["message"]) for push in world.pushes(connection, "error")]


def test_a_longer_chunk_says_so_to_its_listeners(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.send_audio(speaker, 0, LONG, chunkMs=600)
    world.send_audio(speaker, 1, CHUNK, chunkMs=200)
    long, short = world.pushes(listener, "audio")
    assert long["chunkMs"] == 600
    assert "chunkMs" not in short


@pytest.mark.parametrize("chunk_ms", [0, 100, 199, 751, 10_000])
def test_chunks_must_fit_the_sessions_format(world: World, chunk_ms: int) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    world.send_audio(speaker, 0, CHUNK, chunkMs=chunk_ms)
    ((code, message),) = errors(world, speaker)
    assert code == "INVALID_AUDIO"
    assert "not between 200 and 750 ms" in message
    assert world.pushes(listener, "audio") == []


def test_a_chunk_must_not_be_longer_than_it_says(world: World) -> None:
    speaker, _ = world.create_session()
    world.send_audio(speaker, 0, LONG)
    world.send_audio(speaker, 0, LONG, chunkMs=400)
    assert [code for code, _ in errors(world, speaker)] == ["INVALID_AUDIO"] * 2


def test_an_opus_chunk_cannot_be_longer(world: World) -> None:
    speaker, _ = world.create_session(audioFormat={"encoding": "opus"})
    world.send_audio(speaker, 0, b"opus", chunkMs=400)
    assert [code for code, _ in errors(world, speaker)] == ["INVALID_AUDIO"]


def test_the_deadline_and_the_pace_follow_the_chunk(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id)
    arrived = world.clock.now_ms()
    world.clock.advance(1_100)
    world.send_audio(speaker, 0, CHUNK, arrived_at=arrived)
    world.send_audio(speaker, 1, LONG, chunkMs=600, arrived_at=arrived)
    assert [push["seq"] for push in world.pushes(listener, "audio")] == [1]
    for seq in range(2, 10):
        world.send_audio(speaker, seq, LONG, chunkMs=600)
    # They do not get further ahead of real time than chunks of 200 ms: by 2.2 s.
    assert [push["seq"] for push in world.pushes(listener, "audio")] == [1, 2, 3, 4]
    assert {code for code, _ in errors(world, speaker)} == {"RATE_LIMITED"}


def test_a_throttled_source_is_told_to_send_longer_chunks(world: World) -> None:
    speaker, session_id = world.create_session()
    listeners = [world.listener(session_id) for _ in range(6)]
    for seq in range(13):
        world.clock.advance(200)
        throttle(world, listeners)
        world.send_audio(speaker, seq)
    assert world.pushes(speaker) == [
        {"type": "audioFormatHint", "sessionId": session_id, "chunkMs": 400}
    ]
    assert world.telemetry.counts["FanoutThrottled"] == 6 * 13
    assert world.telemetry.by_dimensions["AudioFormatHints", "longer"] == 1


def test_an_interpreter_is_told_of_its_own_audience(world: World) -> None:
    speaker, session_id = world.create_session()
    interpreter = world.interpreter(session_id, "es")
    listeners = [world.listener(session_id, "es") for _ in range(6)]
    for seq in range(13):
        world.clock.advance(200)
        world.send_audio(speaker, seq)
        throttle(world, listeners)
        world.send_audio(interpreter, seq)
    assert [push["chunkMs"] for push in world.pushes(interpreter, "audioFormatHint")] == [400]
    assert world.pushes(speaker, "audioFormatHint") == []


def test_slow_listeners_are_no_reason_for_longer_chunks(world: World) -> None:
    speaker, session_id = world.create_session()
    listeners = [world.listener(session_id) for _ in range(6)]
    for seq in range(30):
        world.clock.advance(200)
        for listener in listeners:
            world.sender.script(listener, Outcome.SLOW)
        world.send_audio(speaker, seq)
    assert world.pushes(speaker) == []
    assert world.telemetry.counts["FanoutSlow"] == 6 * 30


def test_after_a_calm_time_the_sessions_own_chunks_are_proposed_again(world: World) -> None:
    speaker, session_id = world.create_session()
    world.listener(session_id)
    for seq in range(103):
        world.clock.advance(600)
        world.send_audio(speaker, seq, LONG, chunkMs=600)
        if seq % 40 == 0:
            world.ask(speaker, "heartbeat")
    assert [push["chunkMs"] for push in world.pushes(speaker, "audioFormatHint")] == [200]
