"""After a stall of 3 s, of the network or the workers, live audio is heard again at once.

On a busy machine a few chunks miss their deadline, so the tests require most of them, not all. A
stream that the service refuses for good would deliver none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from client.connection.websocket import connect
from client.flows.speaker import speak
from client.flows.streaming import StreamReport
from client.playback.capture import Recording
from local.endpoints import Endpoints
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.stalling import StallingProxy, suspended_workers
from tests.helpers.wire import Wire, wire

FORMAT = AudioFormat()
BEFORE, STALLED, AFTER = 10, 15, 30  # chunks of 200 ms
RESUMED = BEFORE + STALLED
TOTAL = RESUMED + AFTER
IN_THE_FIRST_SECOND = set(range(RESUMED, RESUMED + 5))
LATER = set(range(RESUMED + 5, TOTAL))


async def send_in_real_time(send: Callable[[int], Awaitable[None]]) -> None:
    """Send every chunk at its time, whatever happens to it."""
    loop = asyncio.get_running_loop()
    begins = loop.time()
    for seq in range(TOTAL):
        await asyncio.sleep(max(begins + seq * 0.2 - loop.time(), 0))
        await send(seq)


async def seqs_heard(listener: Wire) -> set[int]:
    await asyncio.sleep(1)  # the last chunk arrives within this time, or misses its deadline
    messages = await listener.drained()
    return {message["seq"] for message in messages if message["type"] == "audio"}


def assert_heard_again(heard: set[int]) -> None:
    assert heard & IN_THE_FIRST_SECOND, sorted(heard)
    assert len(heard & LATER) >= len(LATER) * 3 // 4, sorted(heard)


async def test_a_client_that_buffers_everything_is_heard_after_a_network_stall(
    clients: StackClients,
) -> None:
    token = await asyncio.to_thread(clients.token, "alice", "speakers")
    async with (
        StallingProxy(clients.endpoints.websocket_url).running() as network,
        wire(network.url, token) as speaker,
        clients.connection() as listener,
    ):
        created = await speaker.ask("createSession", sourceLanguage="en")
        await joined(listener, created["sessionId"], "en")

        async def send(seq: int) -> None:
            if seq == BEFORE:
                network.stall()
            if seq == RESUMED:
                network.resume()
            await speaker.send_audio(seq)

        await send_in_real_time(send)

        assert_heard_again(await seqs_heard(listener))


async def test_speak_is_heard_after_a_network_stall_and_reports_dropped_chunks(
    clients: StackClients,
) -> None:
    token = await asyncio.to_thread(clients.token, "alice", "speakers")
    async with (
        StallingProxy(clients.endpoints.websocket_url).running() as network,
        connect(network.url, token=token) as connection,
        clients.connection() as listener,
    ):

        async def created(session: SessionCreated) -> None:
            await joined(listener, session.session_id, "en")

        def progress(report: StreamReport) -> None:
            if report.captured == BEFORE:
                network.stall()
            if report.captured == RESUMED:
                network.resume()

        report = await speak(
            connection,
            "en",
            lambda audio_format: Recording(bytes(TOTAL * audio_format.chunk_bytes), audio_format),
            audio_format=FORMAT,
            on_created=created,
            on_progress=progress,
        )

        stream = report.stream
        assert stream.sent + stream.dropped == stream.captured == TOTAL
        # About a second of the 15 chunks was in transit; the client dropped the rest.
        assert stream.dropped >= STALLED - 9
        assert_heard_again(await seqs_heard(listener))


async def test_a_stream_is_heard_after_the_workers_stall(
    clients: StackClients, endpoints: Endpoints
) -> None:
    async with (
        clients.session(audioFormat={"chunkMs": 200}) as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
    ):
        halt = suspended_workers(endpoints, "audio_processor")

        async def send(seq: int) -> None:
            if seq == BEFORE:
                assert halt.__enter__() >= 1
            if seq == RESUMED:
                halt.__exit__(None, None, None)
            await speaker.send_audio(seq)

        await send_in_real_time(send)

        assert_heard_again(await seqs_heard(listener))


async def test_a_repeated_number_is_heard_in_real_time_only(clients: StackClients) -> None:
    async with (
        clients.session(audioFormat={"chunkMs": 200}) as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
    ):
        loop = asyncio.get_running_loop()
        begins = loop.time()
        while loop.time() < begins + 3:
            await speaker.send_audio(7)
            await asyncio.sleep(0.02)
        took = loop.time() - begins

        messages = await listener.drained()
        heard = sum(message["type"] == "audio" for message in messages)
        # Real time plus 1 %, 3 s, one chunk, and a second for each of at most four workers.
        assert heard <= (took * 1.01 + 3 + 0.2 + 4) / 0.2
        assert {message.get("code") for message in await speaker.drained()} >= {"RATE_LIMITED"}
