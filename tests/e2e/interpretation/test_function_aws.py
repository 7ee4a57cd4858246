"""The function `interpreter` with the engine `aws`, from a speaker's request to listeners."""

from __future__ import annotations

from cli.options import Connector
from client.flows.speaker import speak
from client.playback.capture import Recording
from shared.models.interpretation import RequestedInterpretation
from shared.protocol.messages import SessionCreated
from tests.e2e.interpretation.conftest import AwsStack
from tests.e2e.support.clients import joined
from tests.helpers.aws_speech import SENTENCES, floor_pcm
from tests.helpers.wire import Message

SPOKEN = SENTENCES[:2]


async def test_listeners_hear_and_read_spanish(aws_stack: AwsStack) -> None:
    clients, aws = aws_stack.clients, aws_stack.aws
    served, streams = len(aws.served), len(aws.streams)
    token = clients.token("alice", "speakers")
    access = Connector(clients.endpoints.websocket_url, token, None, None)
    async with access.connect() as speaker, clients.connection() as listener:

        async def heard(session: SessionCreated) -> None:
            await joined(listener, session.session_id, "es")
            change = await listener.expect("channelSourceChanged")
            assert change["to"] == "machine"
            await aws.until(lambda: len(aws.streams) > streams)

        await speak(
            speaker,
            "en",
            lambda audio_format: Recording(floor_pcm(SPOKEN), audio_format),
            quality_tier="premium",
            interpretation=RequestedInterpretation(engine="aws", languages=["es"]),
            on_created=heard,
            end=False,
        )
        chunk = await listener.expect(lambda message: "renders" in message)
        captions = [await listener.expect(final_caption) for _ in SPOKEN]

    assert chunk["language"] == "es"
    assert [caption["text"] for caption in captions] == [f"[es] {said}" for said in SPOKEN]
    polly = [request.members for request in aws.served[served:] if request.service == "polly"]
    # The session's quality tier selects the voices.
    assert {members["Engine"] for members in polly} == {"neural"}


def final_caption(message: Message) -> bool:
    return message.get("type") == "caption" and message["final"] is True
