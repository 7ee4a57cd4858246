"""`speak --interpret`: the request, and what the speaker sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from client.playback.wav import WavWriter
from tests.unit.cli.command_line import fails, run, server
from tests.unit.client.support import CREATED, FakeService


class Interpreting(FakeService):
    """Accepts interpretation by the offline engine only."""

    async def _createSession(self, connection: ServerConnection, request: dict[str, Any]) -> None:  # noqa: N802
        interpretation = request.get("interpretation")
        if interpretation is not None and interpretation["engine"] != "offline":
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
        if interpretation is not None:
            created["interpretation"] = interpretation
        await self._reply(connection, request, created)


@pytest.fixture
def speech(tmp_path: Path) -> str:
    path = tmp_path / "speech.wav"
    with WavWriter(path, 16_000) as writer:
        writer.write(bytes(range(100)) * 64)  # 200 ms
    return str(path)


@pytest.mark.parametrize(
    ("options", "interpretation", "message"),
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
def test_interpretation_is_requested_and_described(
    speech: str, options: tuple[str, ...], interpretation: dict[str, Any], message: str
) -> None:
    service = Interpreting()
    with server(service) as url:
        result = run("speak", speech, "--url", url, "--keep-open", "0", *options)

    assert result.exit_code == 0, result.output
    assert service.requests[0]["interpretation"] == interpretation
    assert message in result.stdout.splitlines()


def test_without_the_option_no_interpretation_is_requested(speech: str) -> None:
    service = Interpreting()
    with server(service) as url:
        result = run("speak", speech, "--url", url)

    assert "interpretation" not in service.requests[0]
    assert "machine" not in result.stdout


def test_an_unknown_engine_is_reported_with_the_known_ones(speech: str) -> None:
    with server(Interpreting()) as url:
        result = run("speak", speech, "--url", url, "--interpret", "aws")

    fails(result, "INVALID_ENGINE", "choose one of offline")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--into", "es"), "needs --interpret"),
        (("--interpret", "offline", "--into", " , "), "expected 1 to 20 languages"),
        (
            ("--interpret", "offline", "--into", ",".join(f"x{n}" for n in range(21))),
            "expected 1 to 20 languages",
        ),
    ],
)
def test_languages_require_an_engine_and_have_a_limit(
    speech: str, options: tuple[str, ...], message: str
) -> None:
    result = run("speak", speech, *options)

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
