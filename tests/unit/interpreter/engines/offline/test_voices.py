"""Speech with a program that is missing, hangs or fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from interpreter.engine import EngineError, EngineUnavailableError, UnsupportedLanguageError
from interpreter.engines.offline.voices import MAX_CHARACTERS, Voices, list_voices
from tests.helpers.programs import write_program

SPANISH = frozenset({"es"})
# Writes a second of audio at 8 kHz whose samples are the requested words per minute.
ECHOES_SPEED = """
import struct, sys
speed = int(sys.argv[sys.argv.index("-s") + 1])
data = struct.pack("<h", speed) * 8000
sys.stdout.buffer.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt ")
sys.stdout.buffer.write(struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16))
sys.stdout.buffer.write(b"data" + struct.pack("<I", len(data)) + data)
"""


def program(folder: Path, script: str) -> str:
    path = folder / "voice"
    write_program(path, script)
    return str(path)


@pytest.mark.parametrize(
    ("speed", "words_per_minute"), [(1.0, 175), (1.5, 262), (0.01, 80), (100.0, 450)]
)
async def test_speed_is_passed_in_words_per_minute(
    tmp_path: Path, speed: float, words_per_minute: int
) -> None:
    voices = Voices(SPANISH, program=program(tmp_path, ECHOES_SPEED))

    pcm = await voices.speak("uno", "es", 8_000, speed)

    assert pcm == words_per_minute.to_bytes(2, "little") * 8_000


async def test_a_hanging_program_is_killed(tmp_path: Path) -> None:
    hanging = program(tmp_path, "import time; time.sleep(600)")
    voices = Voices(SPANISH, program=hanging, speak_seconds=0.2)

    with pytest.raises(EngineError, match="took too long") as fault:
        await voices.speak("uno", "es", 16_000, 1.0)
    assert fault.value.retryable


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise SystemExit(3)", "status 3"),
        ("print('no sound')", "returned no audio"),
        ("", "returned no audio"),
    ],
)
async def test_a_failing_program_is_an_error(tmp_path: Path, script: str, message: str) -> None:
    voices = Voices(SPANISH, program=program(tmp_path, script), speak_seconds=60)

    with pytest.raises(EngineError, match=message):
        await voices.speak("uno", "es", 16_000, 1.0)


async def test_a_missing_program_makes_the_engine_unavailable(tmp_path: Path) -> None:
    none = str(tmp_path / "none")
    with pytest.raises(EngineUnavailableError):
        list_voices(none)
    with pytest.raises(EngineUnavailableError):
        await Voices(SPANISH, program=none).speak("uno", "es", 16_000, 1.0)


async def test_unsupported_languages_and_long_texts_are_refused() -> None:
    voices = Voices(SPANISH)
    with pytest.raises(UnsupportedLanguageError):
        await voices.speak("un", "ca", 16_000, 1.0)
    with pytest.raises(EngineError, match="too long"):
        await voices.speak("a" * (MAX_CHARACTERS + 1), "es", 16_000, 1.0)


def test_voices_are_listed_by_language_code(tmp_path: Path) -> None:
    listing = (
        "print('Pty Language Age/Gender VoiceName\\n 5  es --/M Spanish\\n\\n 5 fr-be --/M F')"
    )

    assert list_voices(program(tmp_path, listing)) == {"es", "fr-be"}
