"""Audio at real time is heard again after any hiccup, and never faster, whoever serves it."""

from __future__ import annotations

from tests.helpers.world import World


def heard(world: World, connection: str) -> list[int]:
    return [message["seq"] for message in world.pushes(connection, "audio")]


def errors(world: World, connection: str) -> set[str]:
    return {message["code"] for message in world.pushes(connection, "error")}


def test_real_time_is_heard_after_a_burst_that_a_stall_has_piled_up(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")

    for seq in range(16):  # 3 s at once
        world.send_audio(speaker, seq)
    for seq in range(16, 66):
        world.clock.advance(200)
        world.send_audio(speaker, seq)

    assert heard(world, listener)[-50:] == list(range(16, 66))


def test_ten_silent_minutes_earn_no_credit(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    world.send_audio(speaker, 0)
    world.clock.advance(600_000)

    for seq in range(1, 101):
        world.send_audio(speaker, seq)

    assert heard(world, listener) == list(range(12))


def test_a_limit_is_a_streams_however_many_instances_serve_it(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    world.spread("audio_processor", 4)

    for _ in range(150):  # 3 s
        world.send_audio(speaker, 5)
        world.clock.advance(20)

    # Real time, 3 s, a chunk, and a chunk or two for each instance until it has noticed.
    assert len(heard(world, listener)) <= 15 + 15 + 1 + 4
    assert errors(world, speaker) == {"RATE_LIMITED"}


def test_what_a_client_claims_of_its_numbers_changes_nothing(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    claimed = [0, 1, 2**40, 3, 3, 0, 1, 7, 100_000, 8, 2, 2, 2]

    for seq in claimed:
        world.send_audio(speaker, seq)
        world.clock.advance(200)

    assert heard(world, listener) == claimed


def test_a_chunk_whose_deadline_has_passed_is_dropped_not_refused(world: World) -> None:
    speaker, session_id = world.create_session()
    listener = world.listener(session_id, "en")
    now = world.clock.now_ms()

    for seq in range(30):
        world.send_audio(speaker, seq, arrived_at=now - 400)
    world.send_audio(speaker, 30, arrived_at=now - 399)

    assert heard(world, listener) == [30]
    assert errors(world, speaker) == set()
    assert world.telemetry.counts["AudioTooLate"] == 30


def test_both_connections_of_a_roll_over_are_heard(world: World) -> None:
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

    assert sorted(heard(world, listener)) == sorted([*range(10), *range(10)])
