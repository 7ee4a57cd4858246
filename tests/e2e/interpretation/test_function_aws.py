"""The function `interpreter` with the engine `aws`, as deployed, on services in AWS's place."""

from __future__ import annotations

import pytest

from cli.options import Access
from client.flows.speaker import speak
from client.playback.capture import Recording
from shared.models.interpretation import RequestedInterpretation
from shared.protocol.messages import SessionCreated
from tests.e2e.support.stacks import launch_quiet
from tests.e2e.support.stage import Stage, joined
from tests.helpers.aws_speech import SENTENCES, AwsSpeech, floor_of
from tests.helpers.wire import Message

SPANISH = ("Uno, dos, tres, cuatro, cinco.", "Nos falta tiempo.")
TABLE = {("es", said): spanish for said, spanish in zip(SENTENCES, SPANISH, strict=False)}


async def test_a_speaker_asks_and_listeners_hear_and_read_spanish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Who signs is a function of the stack, by its own credentials.
    with AwsSpeech(table=TABLE, credentials=None) as aws:
        for name, value in aws.environment.items():
            if name.startswith("AWS_ENDPOINT_URL_"):
                monkeypatch.setenv(name, value)
        with launch_quiet() as endpoints:
            stage = Stage(endpoints)
            token = stage.token("alice", "speakers")
            access = Access(endpoints.websocket_url, token, None, None)
            async with access.connect() as speaker, stage.connection() as listener:

                async def heard(session: SessionCreated) -> None:
                    await joined(listener, session.session_id, "es")
                    change = await listener.expect("channelSourceChanged")
                    assert change["to"] == "machine"
                    await aws.until(lambda: bool(aws.streams))

                await speak(
                    speaker,
                    "en",
                    lambda audio_format: Recording(floor_of(SENTENCES[:2]), audio_format),
                    quality_tier="premium",
                    interpretation=RequestedInterpretation(engine="aws", languages=["es"]),
                    on_created=heard,
                    end=False,
                )
                chunk = await listener.expect(lambda message: "renders" in message)
                captions = [await listener.expect(final_caption) for _ in SPANISH]

    assert chunk["language"] == "es"
    assert [caption["text"] for caption in captions] == list(SPANISH)
    polly = [request.members for request in aws.served if request.service == "polly"]
    # The session's tier has reached the voices.
    assert {members["Engine"] for members in polly} == {"neural"}


def final_caption(message: Message) -> bool:
    return message.get("type") == "caption" and message["final"] is True
