"""Pace of audio: recovery after stalls and the limit across instances."""

from __future__ import annotations

from tests.helpers.world import World


def received_seqs(world: World, connection: str) -> list[int]:
    return [message["seq"] for message in world.pushes(connection, "audio")]


def errors(world: World, connection: str) -> set[str]:
    return {message["code"] for message in world.pushes(connection, "error")}


def test_real_time_audio_is_accepted_after_a_burst_caused_by_a_stall(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")

    for seq in range(16):  # 3 s in one burst
        world.send_audio(speaker, seq)
    for seq in range(16, 66):
        world.clock.advance(200)
        world.send_audio(speaker, seq)

    assert received_seqs(world, listener)[-50:] == list(range(16, 66))


def test_ten_silent_minutes_earn_no_credit(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    world.send_audio(speaker, 0)
    world.clock.advance(600_000)

    for seq in range(1, 101):
        world.send_audio(speaker, seq)

    assert received_seqs(world, listener) == list(range(12))


def test_the_limit_is_per_stream_across_instances(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    world.spread("audio_processor", 4)

    for _ in range(150):  # 3 s
        world.send_audio(speaker, 5)
        world.clock.advance(20)

    # Real time, 3 s, a chunk, and up to two chunks per instance until it charges first.
    assert len(received_seqs(world, listener)) <= 15 + 15 + 1 + 4
    assert errors(world, speaker) == {"RATE_LIMITED"}


def test_sequence_numbers_do_not_affect_the_limit(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    claimed = [0, 1, 2**40, 3, 3, 0, 1, 7, 100_000, 8, 2, 2, 2]

    for seq in claimed:
        world.send_audio(speaker, seq)
        world.clock.advance(200)

    assert received_seqs(world, listener) == claimed


def test_a_late_chunk_is_dropped_instead_of_refused(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    now = world.clock.now_ms()

    for seq in range(30):
        world.send_audio(speaker, seq, arrived_at=now - 400)
    world.send_audio(speaker, 30, arrived_at=now - 399)

    assert received_seqs(world, listener) == [30]
    assert errors(world, speaker) == set()
    assert world.telemetry.counts["AudioTooLate"] == 30


def test_both_connections_of_a_rollover_are_accepted(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    former = world.connect("alice", "speakers")
    world.ask(speaker, "leaveSession")
    joined = world.ask(
        former, "joinSession", sessionId=session_id, targetLanguage="en", role="speaker"
    )
    latest = world.connect("alice", "speakers")
    world.ask(
        latest,
        "joinSession",
        sessionId=session_id,
        targetLanguage="en",
        role="speaker",
        resumeToken=joined["resumeToken"],
    )

    for seq in range(10):
        world.send_audio(former, seq)
        world.send_audio(latest, seq)
        world.clock.advance(200)

    assert sorted(received_seqs(world, listener)) == sorted([*range(10), *range(10)])
