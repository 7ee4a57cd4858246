"""A listener of an interpreted language with the client library: audio, captions, latencies."""

from __future__ import annotations

import asyncio
import time

from client.connection.websocket import connect
from client.flows.listener import Hooks, listen
from client.playback.playout import ListenStats, Playout
from shared.models.interpretation import Renders
from shared.protocol.interpretation_messages import Caption, SendCaption
from tests.e2e.support.clients import StackClients
from tests.e2e.support.recording import LIMIT_SECONDS, EventLog
from tests.helpers.wire import CHUNK

# A long playout delay makes the test independent of the machine's speed.
PLAYOUT_DELAY_MS = 60_000


def renders(end: int) -> Renders:
    return Renders(
        timestamp=end - 1_000, end_timestamp=end, recognise_ms=300, translate_ms=4, speak_ms=60
    )


def said(text: str, end: int, *, final: bool = True, spoken: bool = True) -> SendCaption:
    return SendCaption(
        text=text, final=final, timestamp=end - 1_000, end_timestamp=end, spoken=spoken
    )


async def test_a_listener_hears_reads_and_measures_interpretation(clients: StackClients) -> None:
    captions: list[Caption] = []
    log = EventLog()

    def captioned(caption: Caption) -> None:
        captions.append(caption)
        log.add(caption.text)

    def progressed(playout: Playout) -> None:
        log.add(playout.stats().counts.received)

    async def hear(session_id: str) -> ListenStats:
        async with connect(clients.endpoints.websocket_url) as connection:
            return await listen(
                connection,
                session_id,
                "es",
                playout_delay_ms=PLAYOUT_DELAY_MS,
                hooks=Hooks(lambda reply: log.add("seated"), progressed, on_caption=captioned),
            )

    token = await asyncio.to_thread(clients.token, "ines", "interpreters")
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        clients.session() as (speaker, session_id),
        connect(clients.endpoints.websocket_url, token=token) as interpreter,
        asyncio.TaskGroup() as group,
    ):
        await interpreter.join(session_id, "es", "interpreter")
        listening = group.create_task(hear(session_id))
        await log.wait_for("seated")
        end = time.time_ns() // 1_000_000 - 364
        for caption in (
            said("Buenos", end, final=False),
            said("Buenos días.", end),
            said("Adiós.", end + 2_000, spoken=False),
        ):
            await interpreter.send_caption(caption)
            # Captions are unordered: the next one might overtake it.
            await log.wait_for(caption.text)
        # One-second chunks: two of one sentence and, after a pause, one of another.
        sent_at = end + 364
        for seq, (at, utterance) in enumerate(
            ((sent_at - 1_000, end), (sent_at, end), (sent_at + 4_000, end + 5_000))
        ):
            await interpreter.send_audio(seq, at, CHUNK, renders(utterance))
            await log.wait_for(seq + 1)
        await speaker.ask("endSession")
        stats = await listening

    assert [(caption.text, caption.final, caption.spoken) for caption in captions] == [
        ("Buenos", False, True),
        ("Buenos días.", True, True),
        ("Adiós.", True, False),
    ]
    assert {(caption.language, caption.epoch) for caption in captions} == {("es", 1)}
    assert (stats.counts.received, stats.counts.gaps, stats.counts.late) == (3, 0, 0)
    interpretation = stats.interpretation
    assert interpretation is not None
    assert (interpretation.sentences, interpretation.measured) == (2, 2)
    assert (
        interpretation.recognise.p50,
        interpretation.translate.p50,
        interpretation.speak.p50,
    ) == (300, 4, 60)
