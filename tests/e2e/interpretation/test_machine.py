"""Machine interpreters beside people and each other, on a running stack."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

from client.flows.speaker import speak
from client.playback.capture import Recording
from client.sound.whole import to_pcm
from demo.sentences import STABLE
from interpreter.engines import make_engine
from interpreter.engines.scripted import ScriptedEngine
from interpreter.machine.machine import Machine
from interpreter.machine.options import Limits, Options
from interpreter.machine.report import Hooks, News
from shared.models.audio_format import AudioFormat
from shared.protocol.messages import SessionCreated
from tests.e2e.operations.test_demo import recording
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.grant_scenarios import eventually
from tests.e2e.support.intermittent_speech import FloorSpeaker, UnbufferedListener, access, is_hum
from tests.e2e.support.operator import Operator
from tests.e2e.support.recording import EventLog, background_tasks
from tests.e2e.support.terminals import Desk
from tests.helpers.programs import require_programs

WAITING = {"role": "interpreter", "standby": True}
SAID = next(sentence for sentence in STABLE if sentence.text.startswith("we need more time"))
TRANSLATED = "Necesitamos más tiempo para acabar la obra"


def machine(clients: StackClients, session_id: str, news: list[News], *languages: str) -> Machine:
    return Machine(
        ScriptedEngine(("alpha",)),
        access(clients.endpoints, "robot", "interpreters").connect,
        Options(
            session_id=session_id,
            languages=languages or "auto",
            limits=Limits(linger_seconds=0.5),
        ),
        hooks=Hooks(news.append),
    )


async def test_a_machine_follows_listeners_and_yields_to_people(clients: StackClients) -> None:
    operator, floor = Operator(clients.endpoints), FloorSpeaker(clients.endpoints)
    spanish, catalan = (
        UnbufferedListener(clients.endpoints, "es"),
        UnbufferedListener(clients.endpoints, "ca"),
    )
    news: list[News] = []
    async with background_tasks() as start:
        start(floor.speak())
        session_id = await floor.session()
        robot = machine(clients, session_id, news)

        async def run() -> None:
            await robot.run()

        start(run())
        # Without listeners it holds no channel.
        await asyncio.sleep(0)
        assert robot.holds == frozenset()
        leaving = asyncio.create_task(catalan.listen(session_id))
        start(spanish.listen(session_id))
        for listener in (spanish, catalan):
            assert all(is_hum(audio) for audio in await listener.wait_for_audio(listener.language))
            await listener.log.wait_for(f"[{listener.language}] alpha")
        chunk = next(audio for audio in spanish.audio if audio.language == "es")
        assert chunk.renders is not None

        # When the last listener of a language leaves, the machine releases the channel.
        leaving.cancel()
        await until(lambda: robot.holds == {"es"})
        row = await operator.session(session_id)
        assert "connectionId" not in row["channels"]["ca"]

        # A person takes over and sends no heartbeats, so the lease expires.
        async with clients.connection("ines", "interpreters") as ines:
            await joined(ines, session_id, "es", **WAITING)
            taken = asyncio.create_task(spanish.wait_for_source("human"))
            lost = asyncio.create_task(spanish.wait_for_source("machine"))
            reply = await ines.ask("takeOver")
            assert reply["lease"]["holds"] is True
            await taken
            await until(lambda: robot.standby_languages == {"es"})
            await lost
            after = await spanish.wait_for_audio("es")
        assert all(is_hum(audio) for audio in after)
        assert {audio.epoch for audio in after} == {3}
        assert robot.report.language("es").refused_chunks == 0


async def test_listeners_hear_the_floor_until_a_killed_machine_is_back(
    clients: StackClients, tmp_path: Path
) -> None:
    floor, spanish = FloorSpeaker(clients.endpoints), UnbufferedListener(clients.endpoints, "es")
    desk = Desk(clients.endpoints, tmp_path)
    async with background_tasks() as start:
        start(floor.speak())
        session_id = await floor.session()
        start(spanish.listen(session_id))
        command = ("interpret", session_id, "--engine", "scripted", "--languages", "es")
        async with desk.open(*command) as terminal:
            await spanish.wait_for_audio("es", times=1)  # in the middle of a sentence
            change = asyncio.create_task(spanish.wait_for_source("floor"))
            killed_at = time.time()
            terminal.process.send_signal(signal.SIGKILL)
            heard = (await spanish.wait_for_audio("en", times=1))[0]
            await change
        assert heard.timestamp / 1_000 <= killed_at + 3
        async with desk.open(*command):
            again = await spanish.wait_for_audio("es")
        assert all(is_hum(audio) for audio in again)


async def test_a_stalled_machine_cannot_talk_over_its_successor(
    clients: StackClients, tmp_path: Path
) -> None:
    operator = Operator(clients.endpoints)
    floor, spanish = FloorSpeaker(clients.endpoints), UnbufferedListener(clients.endpoints, "es")
    command = ("--engine", "scripted", "--languages", "es")
    async with background_tasks() as start:
        start(floor.speak())
        session_id = await floor.session()
        start(spanish.listen(session_id))
        first_desk, second_desk = (
            Desk(clients.endpoints, tmp_path / name) for name in ("first", "second")
        )
        async with first_desk.open("interpret", session_id, *command) as first:
            await first.until("The machine interprets into es now.")
            async with second_desk.open("interpret", session_id, *command) as second:
                # With a stand-by, one machine is heard.
                await eventually(lambda: has_standby(operator, session_id))
                assert {audio.epoch for audio in await spanish.wait_for_audio("es", times=5)} == {1}
                first.process.send_signal(signal.SIGSTOP)
                await second.until("The machine interprets into es now.")
                await spanish.wait_for_audio("es")
                first.process.send_signal(signal.SIGCONT)
                heard = await spanish.wait_for_audio("es", times=20)
                assert {audio.epoch for audio in heard} == {2}
                await first.until("The machine is a stand-by for es now.")
                # A machine that stops cleanly hands over.
                change = asyncio.create_task(spanish.wait_for_source("machine"))
                assert await second.ctrl_c() == 0
                await change
            assert {audio.epoch for audio in await spanish.wait_for_audio("es")} == {3}
            assert all(is_hum(audio) for audio in spanish.audio if audio.language == "es")


async def test_a_sentence_in_english_is_heard_and_read_in_spanish(clients: StackClients) -> None:
    require_programs()
    engine = make_engine("offline")
    spanish = UnbufferedListener(clients.endpoints, "es")
    opened, seated = EventLog(), asyncio.Event()
    try:
        async with background_tasks() as start:

            async def listening(session: SessionCreated) -> None:
                opened.add(session.session_id)
                await seated.wait()

            async def talk() -> None:
                async with access(clients.endpoints, "alice", "speakers").connect() as connection:
                    await speak(
                        connection, "en", sentence, on_created=listening, keep_open_seconds=600
                    )

            start(talk())
            session_id = str(await opened.first())
            robot = Machine(
                engine,
                access(clients.endpoints, "robot", "interpreters").connect,
                Options(session_id=session_id, languages=("es",)),
            )

            async def run() -> None:
                await robot.run()

            start(run())
            start(spanish.listen(session_id))
            await until(lambda: robot.holds == {"es"})
            seated.set()
            heard = await spanish.wait_for_audio("es")
            await spanish.log.wait_for(TRANSLATED)
    finally:
        await engine.close()
    assert spanish.captions == [TRANSLATED]
    (renders,) = {audio.renders for audio in heard}
    assert renders is not None
    said_ms = renders.end_timestamp - renders.timestamp
    assert abs(said_ms - SAID.end_of_speech_ms()) < 500
    assert any(any(audio.audio) for audio in heard)


async def test_a_person_at_a_terminal_takes_over_and_hands_back(
    clients: StackClients, tmp_path: Path
) -> None:
    floor, spanish = FloorSpeaker(clients.endpoints), UnbufferedListener(clients.endpoints, "es")
    recording(tmp_path / "spanish.wav", 3)
    desk = Desk(clients.endpoints, tmp_path)
    person = ("interpret", str(tmp_path / "spanish.wav"), "--language", "es")
    async with background_tasks() as start:
        start(floor.speak())
        session_id = await floor.session()
        command, *arguments = person
        robot = machine(clients, session_id, [])

        async def run() -> None:
            await robot.run()

        start(run())
        start(spanish.listen(session_id))
        await until(lambda: robot.holds == {"es"})
        refused = await desk.run(command, session_id, *arguments)
        assert refused.status == 1
        assert "LANGUAGE_TAKEN" in refused.lines[-1]
        assert "--standby" in refused.lines[-1]
        ended = await desk.run(command, session_id, *arguments, "--take-over")
        assert ended.status == 0, ended.lines
        assert "You interpret into es now." in ended.lines
        assert any("spoken: 3.0 s of 3.0 s" in line for line in ended.lines)
        assert not any("refused" in line for line in ended.lines)
        await until(lambda: robot.holds == {"es"})
        assert all(is_hum(audio) for audio in await spanish.wait_for_audio("es"))
    sources = [item for item in spanish.log.events if item in {"floor", "human", "machine"}]
    assert sources[-2:] == ["human", "machine"]
    by_person = [audio for audio in spanish.audio if audio.epoch == 2 and audio.language == "es"]
    assert by_person


def sentence(audio_format: AudioFormat) -> Recording:
    """A sentence that is recognised reliably, and silence."""
    silence = bytes(audio_format.chunk_bytes * 10)
    return Recording(to_pcm(SAID.read(), audio_format) + silence, audio_format)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""

    async def holds() -> bool:
        return condition()

    await eventually(holds)


async def has_standby(operator: Operator, session_id: str) -> bool:
    """Whether the Spanish channel has a stand-by."""
    return bool((await operator.session(session_id))["channels"]["es"].get("standbys"))
