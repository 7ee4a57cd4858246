"""A machine interpreter on AWS's services, from the speaker's words to a listener."""

from __future__ import annotations

import base64

import pytest

from cli.options import Connector
from client.flows.speaker import speak
from client.playback.capture import Recording
from interpreter.engines.aws.engine import AwsEngine
from interpreter.machine.machine import Machine
from interpreter.machine.options import Options
from interpreter.machine.report import Hooks, News, RecognitionSwitched
from shared.protocol.messages import SessionCreated
from tests.e2e.support.clients import StackClients, joined
from tests.e2e.support.recording import EventLog, background_tasks
from tests.helpers.aws_speech import (
    SENTENCES,
    AwsSpeech,
    ConnectionDropped,
    boto_session,
    floor_pcm,
)
from tests.helpers.aws_speech.faults import StreamFault
from tests.helpers.aws_speech.services import spoken
from tests.helpers.wire import Message, Wire

SPANISH = ("Uno, dos, tres, cuatro, cinco.", "Nos falta tiempo.")
TABLE = {("es", said): spanish for said, spanish in zip(SENTENCES, SPANISH, strict=False)}


@pytest.mark.parametrize(
    "faults", [(), (ConnectionDropped(900), ConnectionDropped(600))], ids=["well", "broken"]
)
async def test_speech_is_heard_and_read_in_spanish(
    clients: StackClients, faults: tuple[StreamFault, ...]
) -> None:
    url = clients.endpoints.websocket_url
    token = clients.token("ines", "interpreters")
    log = EventLog()

    def on_news(news: News) -> None:
        if news == RecognitionSwitched(on=True):
            log.add("listens")

    with AwsSpeech(table=TABLE) as aws:
        aws.inject_stream(*faults)
        engine = AwsEngine(session=boto_session(), endpoints=aws.endpoints)
        async with (
            background_tasks() as start,
            clients.connection() as listener,
            Connector(url, clients.token("alice", "speakers"), None, None).connect() as speaker,
        ):

            async def interpret(session: SessionCreated) -> None:
                await joined(listener, session.session_id, "es")
                machine = Machine(
                    engine,
                    Connector(url, token, None, None).connect,
                    Options(session_id=session.session_id),
                    hooks=Hooks(on_news),
                )
                start(run(machine))
                await log.wait_for("listens")

            async def run(machine: Machine) -> None:
                await machine.run()

            await speak(
                speaker,
                "en",
                lambda audio_format: Recording(floor_pcm(SENTENCES[:2]), audio_format),
                on_created=interpret,
                end=False,
            )
            first = await listener.expect(lambda message: "renders" in message)
            captions = [await final_caption(listener) for _ in SPANISH]
        await engine.close()

    assert [caption["text"] for caption in captions] == list(SPANISH)
    assert all(caption["language"] == "es" for caption in captions)
    tone, _ = spoken({"Text": SPANISH[0], "OutputFormat": "pcm", "SampleRate": "16000"})
    assert base64.b64decode(first["audio"]) == tone[:6_400]
    renders = first["renders"]
    # Five words of 250 ms, from wherever the speaker began.
    assert renders["endTimestamp"] - renders["timestamp"] == pytest.approx(1_250, abs=40)
    assert len(aws.streams) > len(faults)


async def final_caption(listener: Wire) -> Message:
    return await listener.expect(
        lambda message: message["type"] == "caption" and message["final"] is True
    )
