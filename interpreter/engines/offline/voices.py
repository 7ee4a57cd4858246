"""Voices: espeak-ng, one run a sentence. The same text gives the same samples.

https://github.com/espeak-ng/espeak-ng/blob/master/src/espeak-ng.1.ronn
"""

from __future__ import annotations

import asyncio
import subprocess

from client.errors import SoundError
from client.sound.whole import parse_sound, to_pcm
from interpreter.engine import EngineError, EngineUnavailableError, UnsupportedLanguageError
from interpreter.engines.offline.processes import end
from shared.models.audio_format import AudioFormat

PROGRAM = "espeak-ng"
# A sentence takes 10 ms, a text of the greatest length 100 ms.
SPEAK_SECONDS = 5.0
MOST_CHARACTERS = 5_000
_LIST_SECONDS = 5.0
# The program's own default, in words a minute, and what it takes.
_WORDS_A_MINUTE = 175
_SLOWEST, _FASTEST = 80, 450
# Each is a process that keeps one core busy.
_AT_ONCE = 2


def list_voices(program: str = PROGRAM) -> frozenset[str]:
    """The codes of the languages that it speaks. Raises EngineUnavailableError."""
    try:
        listed = subprocess.run(  # noqa: S603
            [program, "--voices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIST_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as fault:
        raise EngineUnavailableError(f"{program} does not list its voices") from fault
    rows = (row.split() for row in listed.stdout.decode(errors="replace").splitlines()[1:])
    return frozenset(row[1] for row in rows if len(row) > 1)


class Voices:
    """Speaks those languages."""

    def __init__(
        self,
        languages: frozenset[str],
        *,
        program: str = PROGRAM,
        speak_seconds: float = SPEAK_SECONDS,
    ) -> None:
        self._languages = languages
        self._program = program
        self._seconds = speak_seconds
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """The text as s16le samples at `sample_rate` Hz; none if it has nothing to say.

        Raises EngineError: UnsupportedLanguageError, too long a text, a program that failed.
        """
        if language not in self._languages:
            raise UnsupportedLanguageError(f"{self._program} does not speak {language} here")
        if len(text) > MOST_CHARACTERS:
            raise EngineError(
                f"a text of {len(text)} characters is too long, {MOST_CHARACTERS} are allowed",
                retryable=False,
            )
        if not any(character.isalnum() for character in text):
            return b""
        words_a_minute = min(max(round(_WORDS_A_MINUTE * speed), _SLOWEST), _FASTEST)
        try:
            async with self._turns, asyncio.timeout(self._seconds):
                wav = await self._run(language, words_a_minute, _plain(text))
        except TimeoutError:
            raise EngineError(f"{self._program} takes too long") from None
        try:
            return to_pcm(parse_sound(wav), AudioFormat(sample_rate=sample_rate))
        except SoundError as fault:
            raise EngineError(f"{self._program} gives no sound") from fault

    async def _run(self, language: str, words_a_minute: int, text: str) -> bytes:
        arguments = ["-v", language, "-s", str(words_a_minute), "-b", "1", "-z"]
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                *arguments,
                "--stdin",
                "--stdout",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as fault:
            raise EngineUnavailableError(f"{self._program} cannot be started") from fault
        try:
            wav, _ = await process.communicate(text.encode(errors="replace"))
        finally:
            await end(process)
        if process.returncode:
            raise EngineError(f"{self._program} ended with status {process.returncode}")
        return wav


def _plain(text: str) -> str:
    """As one line: a line break would be a pause, `[[` the beginning of phonemes, NUL the end."""
    readable = "".join(
        character if character.isprintable() and character != "[" else " " for character in text
    )
    return " ".join(readable.split())
