"""Sharded fan-out of chunks. The shard size in these tests is 10."""

from __future__ import annotations

import itertools
from collections import Counter

from tests.helpers.world import World


def audience(world: World, session_id: str, count: int, language: str = "es") -> list[str]:
    return [world.listener(session_id, language) for _ in range(count)]


def test_every_listener_of_a_large_audience_gets_a_chunk_once(world: World) -> None:
    speaker, session_id = world.create_session()
    listeners = audience(world, session_id, 25)

    world.send_audio(speaker, 0)

    assert Counter(world.sender.recipients()) == dict.fromkeys(listeners, 1)
    assert len(world.shards) == 3
    dealt = itertools.chain.from_iterable(shard["connectionIds"] for shard in world.shards)
    assert sorted(dealt) == sorted(listeners)


def test_a_small_audience_is_not_sharded(world: World) -> None:
    speaker, session_id = world.create_session()
    audience(world, session_id, 10)

    world.send_audio(speaker, 0)

    assert len(world.sender.recipients()) == 10
    assert world.shards == []


def test_connections_a_shard_found_gone_are_removed(world: World) -> None:
    speaker, session_id = world.create_session()
    listeners = audience(world, session_id, 25)
    world.sender.gone.update(listeners[:4])

    world.send_audio(speaker, 0)
    world.send_audio(speaker, 1)

    assert world.session(session_id).listener_count == 21
    assert world.telemetry.counts["FanoutStale"] == 4
    assert world.telemetry.counts["FanoutDelivered"] == 42


def test_shards_respect_the_deadline_of_the_chunk(world: World) -> None:
    speaker, session_id = world.create_session()
    audience(world, session_id, 25)
    arrived_at = world.clock.now_ms()

    world.send_audio(speaker, 0)

    assert {shard["deadlineAt"] for shard in world.shards} == {arrived_at + 400}


def test_the_broadcast_function_shards_large_audiences_too(world: World) -> None:
    _, session_id = world.create_session()
    listeners = audience(world, session_id, 25)
    payload = {
        "sessionId": session_id,
        "language": "en",
        "epoch": 1,
        "seq": 0,
        "timestamp": 1,
        "audio": "AAAA" * 100,
    }

    answer = world.broadcast(payload)

    assert answer["result"]["successCount"] == 25
    assert sorted(world.sender.recipients()) == sorted(listeners)
    assert len(world.shards) == 3


def test_a_shard_with_invalid_fields_is_refused(world: World) -> None:
    answer = world.broadcast({"connectionIds": "c1", "message": "{}", "deadlineAt": 1})

    assert answer["error"]["code"] == "INVALID_MESSAGE"
    assert "connectionIds" in answer["error"]["message"]
