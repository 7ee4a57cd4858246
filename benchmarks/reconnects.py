"""What a listener misses when its connection is cut, and how much of it a history could restore.

    python -m benchmarks.reconnects --chunk-ms 200 --listeners 20 --cuts 4

All listeners are cut at once and return by themselves. A history would restore, at a playout delay,
the missed chunks that were complete when the reply to the rejoin arrived and could then still be
played on time. Stack and clients share the machine, so the network adds nothing. The last line is a
JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
from dataclasses import dataclass, field

import uvloop

from benchmarks.figures import log, percentile
from benchmarks.speaker import speaker_token
from cli.options import Connector
from client.connection.reconnecting import ReconnectingConnection, reconnecting
from client.connection.websocket import Connection, connect
from client.protocol.events import AudioReceived, Disconnected, Reconnected
from local.endpoints import Endpoints
from local.launch import UNTHROTTLED, launch
from shared.models.audio_format import AudioFormat
from shared.utils.clock import SystemClock
from shared.utils.standard_streams import standard_streams
from tests.helpers.tcp_proxy import tcp_proxy

PLAYOUT_DELAYS_MS = (400, 1_200, 2_000)
SETTLE_SECONDS = 3.0
# A connection lost sooner would continue the backoff of the former loss.
BETWEEN_CUTS_SECONDS = 14.0


@dataclass
class Speech:
    """Chunks of silence in real time; chunk `seq` ends at `end_ms(seq)` (ms since the epoch)."""

    audio_format: AudioFormat
    began_ms: int = field(default_factory=SystemClock().now_ms)

    def end_ms(self, seq: int) -> float:
        """End of a chunk."""
        return self.began_ms + (seq + 1) * self.audio_format.chunk_ms

    async def send(self, speaker: Connection) -> None:
        """Send each chunk when it is complete, until cancelled."""
        clock, chunk = SystemClock(), bytes(self.audio_format.chunk_bytes)
        for seq in itertools.count():
            await asyncio.sleep(max(self.end_ms(seq) - clock.now_ms(), 0) / 1000)
            began = round(self.end_ms(seq) - self.audio_format.chunk_ms)
            await speaker.send_audio(seq, began, chunk)


@dataclass
class Outage:
    """One interruption of one listener: what it missed. Times are ms."""

    joined_after_ms: float
    joined_at_ms: int
    heard_after_ms: float = 0.0
    missed: range = range(0)


async def note_outages(listener: ReconnectingConnection, outages: list[Outage]) -> None:
    """Record the listener's interruptions until cancelled."""
    clock = SystemClock()
    last, lost_at, open_outage = -1, 0, None
    async for event in listener.events():
        match event:
            case Disconnected():
                lost_at = clock.now_ms()
            case Reconnected():
                now = clock.now_ms()
                open_outage = Outage(now - lost_at, now)
            case AudioReceived(audio=audio):
                if open_outage is not None:
                    open_outage.heard_after_ms = clock.now_ms() - lost_at
                    open_outage.missed = range(last + 1, audio.seq)
                    outages.append(open_outage)
                    open_outage = None
                last = max(last, audio.seq)


def missed_ms(outage: Outage, speech: Speech, delay_ms: int | None) -> int:
    """Duration missed; with a history, unless `delay_ms` is None, which restores a part of it."""

    def restored(seq: int) -> bool:
        age_ms = outage.joined_at_ms - speech.end_ms(seq)
        return delay_ms is not None and 0 <= age_ms <= delay_ms

    lost = [seq for seq in outage.missed if not restored(seq)]
    return len(lost) * speech.audio_format.chunk_ms


def summary(outages: list[Outage], speech: Speech) -> dict[str, object]:
    """The medians, and the mean of what is missed with and without a history."""

    def mean(delay_ms: int | None) -> int:
        lost = [missed_ms(outage, speech, delay_ms) for outage in outages]
        return round(sum(lost) / max(len(lost), 1))

    def complete(delay_ms: int | None) -> int:
        return sum(not missed_ms(outage, speech, delay_ms) for outage in outages)

    joined = [outage.joined_after_ms for outage in outages]
    heard = [outage.heard_after_ms for outage in outages]
    return {
        "chunk_ms": speech.audio_format.chunk_ms,
        "outages": len(outages),
        "rejoined_p50_ms": round(percentile(joined, 0.5)),
        "rejoined_p95_ms": round(percentile(joined, 0.95)),
        "heard_p50_ms": round(percentile(heard, 0.5)),
        "heard_p95_ms": round(percentile(heard, 0.95)),
        "missed_mean_ms": mean(None),
        "missed_nothing": complete(None),
        "missed_mean_ms_with_history": {str(delay): mean(delay) for delay in PLAYOUT_DELAYS_MS},
        "missed_nothing_with_history": {str(delay): complete(delay) for delay in PLAYOUT_DELAYS_MS},
    }


async def measure(endpoints: Endpoints, options: argparse.Namespace) -> dict[str, object]:
    """Run once against a running stack."""
    audio_format = AudioFormat(chunk_ms=options.chunk_ms)
    outages: list[Outage] = []
    async with contextlib.AsyncExitStack() as opened:
        token = speaker_token(endpoints)
        speaker = await opened.enter_async_context(connect(endpoints.websocket_url, token=token))
        session = await speaker.create_session("en", audio_format=audio_format)
        url, proxy = await opened.enter_async_context(tcp_proxy(endpoints.websocket_url))
        speech = Speech(audio_format)
        tasks = [asyncio.create_task(speech.send(speaker))]
        opener = Connector(url, None, None, None).open
        for _ in range(options.listeners):
            listener = await opened.enter_async_context(reconnecting(opener))
            await listener.join(session.session_id, "en")
            tasks.append(asyncio.create_task(note_outages(listener, outages)))
        await asyncio.sleep(SETTLE_SECONDS)
        for number in range(options.cuts):
            log(f"cut {number + 1} of {options.cuts}")
            proxy.cut()
            proxy.restore()
            await asyncio.sleep(BETWEEN_CUTS_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return summary(outages, speech)


def main() -> None:
    """Parse the arguments, run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunk-ms", type=int, default=200)
    parser.add_argument("--listeners", type=int, default=20)
    parser.add_argument("--cuts", type=int, default=4)
    options = parser.parse_args()
    with launch(extra_args=list(UNTHROTTLED)) as endpoints:
        print(json.dumps(uvloop.run(measure(endpoints, options))))


if __name__ == "__main__":
    with standard_streams():
        main()
