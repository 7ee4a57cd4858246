"""The function `interpreter` with the engine that it has on AWS, and AWS's services nearby."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.support.stacks import launch_quiet
from tests.e2e.support.stage import Stage
from tests.e2e.support.talking import talking
from tests.helpers.aws_speech import SENTENCES, AwsSpeech, Refused

INTERPRETATION = {"engine": "aws", "languages": ["es", "ca"]}
FORMAT = {"chunkMs": 200}


@dataclass
class Scene:
    """A stack whose functions find the services."""

    stage: Stage
    aws: AwsSpeech


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    # The functions' roles have keys that nobody knows before.
    with AwsSpeech(credentials=None) as aws, pytest.MonkeyPatch.context() as environment:
        for name, value in aws.environment.items():
            if name.startswith("AWS_ENDPOINT_URL_"):
                environment.setenv(name, value)
        with launch_quiet() as running:
            yield Scene(Stage(running), aws)


async def test_a_premium_session_is_spoken_by_neural_voices(scene: Scene) -> None:
    before = len(scene.aws.served)
    async with (
        scene.stage.session(
            interpretation=INTERPRETATION, audioFormat=FORMAT, qualityTier="premium"
        ) as (speaker, session_id),
        scene.stage.listener(session_id, "es") as listener,
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
        for request in scene.aws.served[before:]
        if request.service == "polly"
    }
    assert voices == {("neural", "Lucia")}


async def test_a_right_that_is_missing_leaves_listeners_with_the_floor(scene: Scene) -> None:
    scene.aws.stream_trouble(*[Refused("AccessDeniedException", 403)] * 50)
    try:
        async with (
            scene.stage.session(interpretation=INTERPRETATION, audioFormat=FORMAT) as (
                speaker,
                session_id,
            ),
            scene.stage.listener(session_id, "ca") as listener,
        ):
            came = await listener.expect("channelSourceChanged")
            left = await listener.expect("channelSourceChanged")
            async with talking(speaker):
                heard = await listener.expect("audio")
    finally:
        scene.aws.forget_troubles()

    assert (came["from"], came["to"]) == ("floor", "machine")
    assert (left["from"], left["to"]) == ("machine", "floor")
    assert heard["language"] == "en"
