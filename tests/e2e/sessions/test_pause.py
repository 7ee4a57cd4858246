"""Rule 5 on the running stack: pause and mute, with chunks in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients, but_statuses
from tests.helpers.wire import Message, Wire

# Short chunks: many fit into the allowance ahead of real time.
FORMAT = {"chunkMs": 100}
CHUNK = bytes(3_200)
DEADLINE_SECONDS = 0.4
ROUNDS = 5

every_silence = pytest.mark.parametrize(
    ("stop", "go_on"),
    [("pauseBroadcast", "resumeBroadcast"), ("muteBroadcast", "unmuteBroadcast")],
)


@dataclass(frozen=True)
class Hall:
    """A session in two languages, with one listener each."""

    session_id: str
    speaker: Wire
    interpreter: Wire
    english: Wire
    spanish: Wire

    @property
    def sources(self) -> tuple[Wire, Wire]:
        return self.speaker, self.interpreter

    @property
    def listeners(self) -> tuple[Wire, Wire]:
        return self.english, self.spanish

    async def burst(self, seqs: range) -> None:
        """Send these chunks in both languages at once, to several workers."""
        await asyncio.gather(
            *(source.send_audio(seq, CHUNK) for seq in seqs for source in self.sources)
        )

    async def heard(self) -> list[list[Message]]:
        """The messages of each listener since the last call."""
        return [await listener.drained() for listener in self.listeners]

    @asynccontextmanager
    async def speaking(self, first: int) -> AsyncIterator[None]:
        """Send chunks in both languages in real time; some may be dropped."""

        async def speak() -> None:
            for seq in range(first, first + 250):
                await self.burst(range(seq, seq + 1))
                await asyncio.sleep(FORMAT["chunkMs"] / 1000)

        speaking = asyncio.create_task(speak())
        try:
            yield
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)


@asynccontextmanager
async def hall(clients: StackClients) -> AsyncIterator[Hall]:
    async with (
        clients.session(audioFormat=FORMAT) as (speaker, session_id),
        clients.interpreter(session_id, "es") as interpreter,
        clients.listener(session_id, "en") as english,
        clients.listener(session_id, "es") as spanish,
    ):
        yield Hall(session_id, speaker, interpreter, english, spanish)


def seqs(messages: list[Message]) -> set[int]:
    return {message["seq"] for message in messages if message["type"] == "audio"}


@every_silence
async def test_audio_sent_after_the_reply_is_not_heard_even_after_an_immediate_resume(
    clients: StackClients, stop: str, go_on: str
) -> None:
    for _ in range(ROUNDS):
        async with hall(clients) as people:
            await people.burst(range(6))
            asking = asyncio.create_task(people.speaker.ask(stop))
            await people.burst(range(6, 9))
            stopped = await asking
            await people.burst(range(9, 15))
            went_on = await people.speaker.ask(go_on)
            async with people.speaking(15):
                for listener in people.listeners:
                    heard = {(await listener.expect(resumed))["seq"]}
                    heard |= seqs(await listener.drained())
                    assert heard.isdisjoint(range(9, 15))
            assert stopped["type"] == went_on["type"] == "broadcastStateChanged"
            for source in people.sources:
                messages = await source.drained()
                assert not [message for message in messages if message["type"] == "error"]


def resumed(message: Message) -> bool:
    """Match a chunk sent after the silence."""
    return bool(message["type"] == "audio" and message["seq"] >= 15)


@every_silence
async def test_all_is_silent_one_deadline_after_the_reply(
    clients: StackClients, stop: str, go_on: str
) -> None:
    async with hall(clients) as people:
        await people.burst(range(10))
        await people.speaker.ask(stop)
        loop = asyncio.get_running_loop()
        until = loop.time() + 2 * DEADLINE_SECONDS
        while loop.time() < until:
            await people.heard()
            await asyncio.sleep(DEADLINE_SECONDS / 4)  # heartbeats are rate-limited
        await people.burst(range(10, 14))

        for messages in await people.heard():
            assert seqs(messages) == set()
        await people.speaker.ask(go_on)
        async with people.speaking(14):
            for listener in people.listeners:
                assert (await listener.expect("audio"))["seq"] >= 14


async def test_members_receive_the_new_state_and_the_speaker_the_reply(
    clients: StackClients,
) -> None:
    async with hall(clients) as people:
        changed_at = []
        for action, fields in (
            ("pauseBroadcast", {}),
            ("muteBroadcast", {}),
            ("setVolume", {"volume": 0.25}),
            ("resumeBroadcast", {}),
            ("unmuteBroadcast", {}),
        ):
            reply = await people.speaker.ask(action, **fields)
            reply.pop("requestId")
            for member in (people.interpreter, *people.listeners):
                assert await member.expect("broadcastStateChanged") == reply
            changed_at.append(reply["broadcastState"]["lastStateChange"])

        assert sorted(set(changed_at)) == changed_at
        assert but_statuses(await people.speaker.drained()) == []
        last = reply["broadcastState"]
        assert (last["isActive"], last["isPaused"], last["isMuted"]) == (True, False, False)
        assert last["volume"] == 0.25


async def test_concurrent_controls_all_take_effect(clients: StackClients) -> None:
    async with hall(clients) as people:
        controls = [
            ("pauseBroadcast", {}),
            ("muteBroadcast", {}),
            *(("setVolume", {"volume": 0.5}) for _ in range(3)),
        ]
        for number, (action, fields) in enumerate(controls):
            await people.speaker.send({"action": action, "requestId": f"r{number}", **fields})
        replies = [await people.speaker.expect("broadcastStateChanged") for _ in controls]

        newest = max(
            (reply["broadcastState"] for reply in replies),
            key=lambda state: state["lastStateChange"],
        )
        assert (newest["isPaused"], newest["isMuted"], newest["volume"]) == (True, True, 0.5)
        joined = await people.speaker.ask("resumeBroadcast")
        assert joined["broadcastState"]["lastStateChange"] > newest["lastStateChange"]


async def test_refused_controls_change_nothing(clients: StackClients) -> None:
    async with hall(clients) as people, clients.connection() as nobody:
        for action, fields in (("pauseBroadcast", {}), ("setVolume", {"volume": 0.5})):
            for member in (people.interpreter, *people.listeners):
                assert_error(await member.ask(action, **fields), "FORBIDDEN", action)
                await assert_alive(member)
            assert_error(await nobody.ask(action, **fields), "NOT_IN_SESSION", action)
        for volume in (-0.1, 1.01):
            refused = await people.speaker.ask("setVolume", volume=volume)
            assert_error(refused, "INVALID_VOLUME", "setVolume", "volume: ")
        for value in ("1", True, None):
            refused = await people.speaker.ask("setVolume", volume=value)
            assert_error(refused, "INVALID_MESSAGE", "setVolume", "volume: ")
        await people.speaker.send('{"action": "setVolume", "volume": NaN}')
        assert_error(
            await people.speaker.expect("error"), "INVALID_MESSAGE", "setVolume", "message: "
        )
        await people.speaker.send({"action": "pauseBroadcast", "padding": "x" * 5_000})
        too_large = await people.speaker.expect("error")
        assert_error(too_large, "MESSAGE_TOO_LARGE", "pauseBroadcast", "message: ")

        await people.speaker.send_audio(1, CHUNK)
        assert (await people.english.expect("audio"))["seq"] == 1
        assert not [m for m in await people.english.drained() if "broadcastState" in m]

        await people.speaker.ask("endSession")
        for action, fields in (("pauseBroadcast", {}), ("setVolume", {"volume": 0.5})):
            ended = await people.speaker.ask(action, **fields)
            assert_error(ended, "SESSION_ENDED", action)
