"""Speech by espeak-ng, one process per sentence. Output is deterministic.

https://github.com/espeak-ng/espeak-ng/blob/master/src/espeak-ng.1.ronn
"""

from __future__ import annotations

import asyncio
import subprocess

from client.errors import SoundError
from client.sound.whole import parse_sound, to_pcm
from interpreter.engine import EngineError, EngineUnavailableError, UnsupportedLanguageError
from interpreter.engines.offline.processes import kill
from shared.models.audio_format import AudioFormat

PROGRAM = "espeak-ng"
# A sentence takes 10 ms, a text of maximum length 100 ms.
SPEAK_SECONDS = 5.0
MAX_CHARACTERS = 5_000
_LIST_SECONDS = 5.0
# Default speed in words per minute, and its bounds.
_WORDS_PER_MINUTE = 175
_SLOWEST, _FASTEST = 80, 450
# Maximum concurrent processes. Each keeps one core busy.
_MAX_PROCESSES = 2


def list_voices(program: str = PROGRAM) -> frozenset[str]:
    """List the language codes of all voices. Raises EngineUnavailableError."""
    try:
        listed = subprocess.run(  # noqa: S603
            [program, "--voices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIST_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as fault:
        raise EngineUnavailableError(f"{program} cannot list its voices") from fault
    rows = (row.split() for row in listed.stdout.decode(errors="replace").splitlines()[1:])
    return frozenset(row[1] for row in rows if len(row) > 1)


class Voices:
    """Speaks the given languages."""

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
        self._slots = asyncio.Semaphore(_MAX_PROCESSES)

    async def speak(self, text: str, language: str, sample_rate: int, speed: float) -> bytes:
        """Synthesise s16le samples at `sample_rate` Hz; empty for a text without words.

        Raises UnsupportedLanguageError, or EngineError for a text that is too long or a failing
        program.
        """
        if language not in self._languages:
            raise UnsupportedLanguageError(f"{self._program} has no voice for {language}")
        if len(text) > MAX_CHARACTERS:
            raise EngineError(
                f"a text of {len(text)} characters is too long; the maximum is {MAX_CHARACTERS}",
                retryable=False,
            )
        if not any(character.isalnum() for character in text):
            return b""
        words_per_minute = min(max(round(_WORDS_PER_MINUTE * speed), _SLOWEST), _FASTEST)
        try:
            async with self._slots, asyncio.timeout(self._seconds):
                wav = await self._run(language, words_per_minute, _plain(text))
        except TimeoutError:
            raise EngineError(f"{self._program} took too long") from None
        try:
            return to_pcm(parse_sound(wav), AudioFormat(sample_rate=sample_rate))
        except SoundError as fault:
            raise EngineError(f"{self._program} returned no audio") from fault

    async def _run(self, language: str, words_per_minute: int, text: str) -> bytes:
        arguments = ["-v", language, "-s", str(words_per_minute), "-b", "1", "-z"]
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
            await kill(process)
        if process.returncode:
            raise EngineError(f"{self._program} exited with status {process.returncode}")
        return wav


def _plain(text: str) -> str:
    """Reduce a text to one plain line.

    espeak-ng takes a line break as a pause, `[[` as the start of phonemes, and NUL as the end.
    """
    readable = "".join(
        character if character.isprintable() and character != "[" else " " for character in text
    )
    return " ".join(readable.split())
