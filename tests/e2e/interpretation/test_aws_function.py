"""The function `interpreter` with the engine `aws`: sound, captions, tiers, denied access."""

from __future__ import annotations

from cli.options import Connector
from client.flows.speaker import speak
from client.playback.capture import Recording
from shared.models.interpretation import RequestedInterpretation
from shared.protocol.messages import SessionCreated
from tests.e2e.interpretation.conftest import AwsStack
from tests.e2e.support.clients import joined
from tests.e2e.support.talking import talking
from tests.helpers.aws_speech import SENTENCES, Refused, floor_pcm
from tests.helpers.wire import Message

INTERPRETATION = {"engine": "aws", "languages": ["es", "ca"]}
FORMAT = {"chunkMs": 200}


def final_caption(message: Message) -> bool:
    return message.get("type") == "caption" and message["final"] is True


async def test_listeners_hear_and_read_spanish(aws_stack: AwsStack) -> None:
    clients, aws = aws_stack.clients, aws_stack.aws
    served, streams = len(aws.served), len(aws.streams)
    token = clients.token("alice", "speakers")
    access = Connector(clients.endpoints.websocket_url, token, None, None)
    async with access.connect() as speaker, clients.connection() as listener:

        async def join_as_listener(session: SessionCreated) -> None:
            await joined(listener, session.session_id, "es")
            change = await listener.expect("channelSourceChanged")
            assert change["to"] == "machine"
            await aws.until(lambda: len(aws.streams) > streams)

        await speak(
            speaker,
            "en",
            lambda audio_format: Recording(floor_pcm(SENTENCES[:2]), audio_format),
            quality_tier="premium",
            interpretation=RequestedInterpretation(engine="aws", languages=["es"]),
            on_created=join_as_listener,
            end=False,
        )
        chunk = await listener.expect(lambda message: "renders" in message)
        captions = [await listener.expect(final_caption) for _ in SENTENCES[:2]]

    assert chunk["language"] == "es"
    assert [caption["text"] for caption in captions] == [f"[es] {said}" for said in SENTENCES[:2]]
    polly = [request.members for request in aws.served[served:] if request.service == "polly"]
    # The session's quality tier selects the voices.
    assert {members["Engine"] for members in polly} == {"neural"}


async def test_a_premium_session_uses_neural_voices(aws_stack: AwsStack) -> None:
    before = len(aws_stack.aws.served)
    async with (
        aws_stack.clients.session(
            interpretation=INTERPRETATION, audioFormat=FORMAT, qualityTier="premium"
        ) as (speaker, session_id),
        aws_stack.clients.listener(session_id, "es") as listener,
    ):
        await listener.expect("channelSourceChanged")
        async with talking(speaker):
            heard = await listener.expect(lambda message: "renders" in message)
            read = await listener.expect(final_caption)

    assert heard["language"] == read["language"] == "es"
    assert read["text"] in {f"[es] {sentence}" for sentence in SENTENCES}
    voices = {
        (request.members["Engine"], request.members["VoiceId"])
        for request in aws_stack.aws.served[before:]
        if request.service == "polly"
    }
    assert voices == {("neural", "Lucia")}


async def test_listeners_return_to_the_floor_when_aws_denies_access(aws_stack: AwsStack) -> None:
    aws_stack.aws.inject_stream(*[Refused("AccessDeniedException", 403)] * 50)
    try:
        async with (
            aws_stack.clients.session(interpretation=INTERPRETATION, audioFormat=FORMAT) as (
                speaker,
                session_id,
            ),
            aws_stack.clients.listener(session_id, "ca") as listener,
        ):
            came = await listener.expect("channelSourceChanged")
            left = await listener.expect("channelSourceChanged")
            async with talking(speaker):
                heard = await listener.expect("audio")
    finally:
        aws_stack.aws.clear_faults()

    assert (came["from"], came["to"]) == ("floor", "machine")
    assert (left["from"], left["to"]) == ("machine", "floor")
    assert heard["language"] == "en"
