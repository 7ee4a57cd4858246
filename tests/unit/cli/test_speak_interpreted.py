"""`speak --interpret`: what is asked of the service, and what the speaker is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from client.playback.wav import WavWriter
from tests.unit.cli.command_line import fails, run, server
from tests.unit.client.support import CREATED, FakeService


class Interpreting(FakeService):
    """Agrees to what it is asked for, but to engines that it has not."""

    async def _createSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        asked = request.get("interpretation")
        if asked is not None and asked["engine"] != "offline":
            refusal = {
                "type": "error",
                "status": 400,
                "code": "INVALID_ENGINE",
                "message": "interpretation.engine: no such engine; choose one of offline",
                "retryable": False,
            }
            return await self._reply(connection, request, refusal)
        self.speaker = connection
        created = {**CREATED, "audioFormat": self.audio_format}
        if asked is not None:
            created["interpretation"] = asked
        await self._reply(connection, request, created)


@pytest.fixture
def speech(tmp_path: Path) -> str:
    path = tmp_path / "speech.wav"
    with WavWriter(path, 16_000) as writer:
        writer.write(bytes(range(100)) * 64)  # 200 ms
    return str(path)


@pytest.mark.parametrize(
    ("options", "asked", "told"),
    [
        (
            ("--interpret", "offline", "--into", "ES, ca"),
            {"engine": "offline", "languages": ["es", "ca"]},
            "A machine (offline) interprets into es, ca.",
        ),
        (
            ("--interpret", "offline"),
            {"engine": "offline", "languages": "auto"},
            "A machine (offline) interprets into all languages with listeners.",
        ),
    ],
)
def test_the_service_is_asked_and_the_speaker_told(
    speech: str, options: tuple[str, ...], asked: dict[str, Any], told: str
) -> None:
    service = Interpreting()
    with server(service) as url:
        result = run("speak", speech, "--url", url, "--keep-open", "0", *options)

    assert result.exit_code == 0, result.output
    assert service.requests[0]["interpretation"] == asked
    assert told in result.stdout.splitlines()


def test_without_it_nothing_is_asked_and_nothing_told(speech: str) -> None:
    service = Interpreting()
    with server(service) as url:
        result = run("speak", speech, "--url", url)

    assert "interpretation" not in service.requests[0]
    assert "machine" not in result.stdout


def test_an_engine_that_there_is_not_is_told_with_those_that_there_are(speech: str) -> None:
    with server(Interpreting()) as url:
        result = run("speak", speech, "--url", url, "--interpret", "aws")

    fails(result, "INVALID_ENGINE", "choose one of offline")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--into", "es"), "needs --interpret"),
        (("--interpret", "offline", "--into", " , "), "expected 1 to 20 languages"),
        (
            ("--interpret", "offline", "--into", ",".join(f"x{n}" for n in range(21))),
            "expected 1 to 20 languages",
        ),
    ],
)
def test_languages_need_an_engine_and_are_some(
    speech: str, options: tuple[str, ...], told: str
) -> None:
    result = run("speak", speech, *options)

    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())
