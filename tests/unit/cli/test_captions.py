"""`listen` with a machine interpreter: captions and the latency of interpretation."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection

from shared.models.interpretation import Renders
from shared.protocol.interpretation_messages import Caption
from shared.protocol.message_base import encode
from shared.utils.clock import SystemClock
from tests.unit.cli.command_line import run, server
from tests.unit.client.support import JOINED, FakeService, audio

SESSION = "golden-eagle-427"


class Interpreted(FakeService):
    """A machine says one sentence in Spanish, and then the session ends."""

    async def _joinSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        self._languages[connection] = "es"
        joined = {**JOINED, "channelSource": "machine", "channels": {"es": "machine"}}
        await self._reply(connection, request, joined)

    async def _heartbeat(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        await super()._heartbeat(connection, request)
        ended_at = SystemClock().now_ms() - 500
        for text, final in (("Hola", False), ("Hola,\x1b[2J\nmundo.", True), ("Y", False)):
            caption = Caption(
                session_id=SESSION,
                language="es",
                text=text,
                final=final,
                epoch=1,
                timestamp=ended_at - 1_000,
                end_timestamp=ended_at,
            )
            await connection.send(encode(caption), text=True)
        renders = Renders(
            timestamp=ended_at - 1_000,
            end_timestamp=ended_at,
            recognise_ms=300,
            translate_ms=20,
            speak_ms=80,
        )
        chunk = msgspec.structs.replace(
            audio(0, timestamp=ended_at + 200, language="es"), renders=renders
        )
        await connection.send(encode(chunk), text=True)
        ended = {"type": "sessionEnded", "sessionId": SESSION, "reason": "ended"}
        await connection.send(json.dumps(ended))


def test_captions_and_latency_are_shown() -> None:
    with server(Interpreted()) as url:
        # A busy machine must not make the chunk late.
        result = run("listen", SESSION, "-l", "es", "--url", url, "--playout-delay", "5000")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "You are in golden-eagle-427; in es you hear a machine interpreter.",
        "[es] Hola,\\x1b[2J mundo.",
        "The session is over: the speaker ended it.",
    ]
    assert lines[3].startswith("heard: 1 chunk, 0 gaps, 0 late, latency p50 ")
    assert lines[4].startswith("interpreted: 1 sentence, latency from end of sentence to ")
    assert "(recognise 300, translate 20, speak 80, deliver " in lines[4]
    assert lines[4].endswith("; playback up to 5000 ms later")


def test_captions_can_be_turned_off() -> None:
    with server(Interpreted()) as url:
        result = run("listen", SESSION, "-l", "es", "--url", url, "--no-captions")
    assert result.exit_code == 0, result.output
    assert "mundo" not in result.output
    assert "interpreted: 1 sentence" in result.stdout
