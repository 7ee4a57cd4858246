"""The function `interpreter` with the engine `aws`: quality tiers and denied access."""

from __future__ import annotations

from tests.e2e.interpretation.conftest import AwsStack
from tests.e2e.support.talking import talking
from tests.helpers.aws_speech import SENTENCES, Refused

INTERPRETATION = {"engine": "aws", "languages": ["es", "ca"]}
FORMAT = {"chunkMs": 200}


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
            read = await listener.expect(
                lambda message: message["type"] == "caption" and message["final"] is True
            )

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
