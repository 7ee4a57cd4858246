"""Scenarios of audio and captions."""

from __future__ import annotations

from shared.protocol.interpretation_messages import SendCaption
from shared.protocol.messages import SendAudio
from tests.helpers.lossy.scenarios.registry import Action, Check, scenario
from tests.helpers.lossy.world import SessionSetup


@scenario(SendAudio)
def speaker_sends_audio(setup: SessionSetup) -> tuple[Action, Check]:
    def check() -> None:
        setup.world.clock.advance(200)
        setup.world.send_audio(setup.speaker, 1)
        assert setup.last_push(setup.es, "audio")["seq"] == 1

    return lambda: setup.world.send_audio(setup.speaker, 0), check


@scenario(SendAudio)
def speaker_sends_audio_while_the_interpreter_is_lost(setup: SessionSetup) -> tuple[Action, Check]:
    world = setup.world
    world.interpreter(setup.session_id, "es")
    world.clock.advance(10_000)

    def check() -> None:
        for number in range(1, 12):
            world.clock.advance(200)
            world.send_audio(setup.speaker, number)
        assert world.session(setup.session_id).channels["es"].connection_id is None
        setup.advance_minutes(1)
        assert setup.last_push(setup.es, "channelSourceChanged")["to"] == "floor"

    return lambda: world.send_audio(setup.speaker, 0), check


@scenario(SendCaption)
def interpreter_sends_a_caption(setup: SessionSetup) -> tuple[Action, Check]:
    ines = setup.world.interpreter(setup.session_id, "es")

    def check() -> None:
        setup.world.send_caption(ines, "Sí.")
        assert setup.last_push(setup.es, "caption")["text"] == "Sí."

    return lambda: setup.world.send_caption(ines, "No."), check
