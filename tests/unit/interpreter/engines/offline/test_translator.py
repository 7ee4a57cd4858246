"""Translation with pipelines that hang, die or are busy."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engine import EngineError, EngineUnavailableError, UnsupportedLanguageError
from interpreter.engines.offline.apertium_modes import installed_pairs, pipeline_commands
from interpreter.engines.offline.apertium_stream import escape, unescape
from interpreter.engines.offline.translator import MAX_CHARACTERS, Translator
from tests.helpers.programs import write_program

PATIENT = 60.0
# Returns each request in capitals. Some words make it fail.
SHOUT = """
import os, sys, time
rest = b""
while data := os.read(0, 65536):
    rest += data
    while b"\\0" in rest:
        request, _, rest = rest.partition(b"\\0")
        if b"hang" in request:
            time.sleep(600)
        if b"die" in request:
            sys.exit(1)
        if b"flood" in request:
            os.write(1, b"x" * 3_000_000)
        os.write(1, request.upper() + b"\\0")
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, in a folder whose name needs quotes."""
    program = tmp_path / "a folder" / "shout"
    program.parent.mkdir()
    write_program(program, SHOUT)
    return program


@pytest.fixture
def mode(tmp_path: Path, program: Path) -> Path:
    """Mode file of a pipeline of three programs."""
    mode = tmp_path / "eng-epo.mode"
    mode.write_text(f"'{program}' $2 | '{program}' $1 'some file' | '{program}'\n")
    return mode


@pytest.fixture
def held_open(tmp_path: Path, program: Path) -> Path:
    """Named pipe that each program holds open while it runs."""
    line = tmp_path / "open while it lives"
    os.mkfifo(line)
    held = f"keep = open({str(line)!r}, 'w'); rest ="
    write_program(program, SHOUT.replace("rest =", held, 1))
    return line


@pytest.fixture
async def translator(mode: Path) -> AsyncIterator[Translator]:
    translator = Translator({"eo": mode}, request_seconds=PATIENT)
    yield translator
    await translator.close()


async def test_each_request_gets_its_own_response(translator: Translator) -> None:
    texts = [f"text number {number}" for number in range(10)]

    answers = await asyncio.gather(*(translator.translate(text, "eo") for text in texts))

    assert answers == [text.upper() for text in texts]


@pytest.mark.parametrize("fault", ["die", "flood"])
async def test_a_failed_pipeline_is_restarted(translator: Translator, fault: str) -> None:
    with pytest.raises(EngineError, match=r"ended unexpectedly|endless") as failed:
        await translator.translate(fault, "eo")

    assert failed.value.retryable
    assert await translator.translate("one", "eo") == "ONE"


async def test_a_hanging_pipeline_times_out(mode: Path) -> None:
    hasty = Translator({"eo": mode}, request_seconds=0.2)
    with pytest.raises(EngineError, match="took too long") as failed:
        await hasty.translate("hang", "eo")
    await hasty.close()

    assert failed.value.retryable


async def test_a_cancelled_request_leaves_no_response_to_the_next(translator: Translator) -> None:
    assert await translator.translate("one", "eo") == "ONE"
    given_up = asyncio.create_task(translator.translate("hang", "eo"))
    waiting = asyncio.create_task(translator.translate("two", "eo"))
    await asyncio.sleep(0)
    given_up.cancel()

    assert await waiting == "TWO"


async def test_too_many_concurrent_requests_are_refused(translator: Translator) -> None:
    pending = [asyncio.create_task(translator.translate("hang", "eo")) for _ in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(EngineError, match="too many"):
        await translator.translate("one", "eo")
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)

    assert await translator.translate("one", "eo") == "ONE"


async def test_a_text_that_is_too_long_is_refused(translator: Translator) -> None:
    longest = "a" * MAX_CHARACTERS
    assert await translator.translate(longest, "eo") == longest.upper()
    with pytest.raises(EngineError, match="too long") as refused:
        await translator.translate(longest + "a", "eo")
    assert not refused.value.retryable


async def test_a_language_without_a_pipeline_is_refused(translator: Translator) -> None:
    with pytest.raises(UnsupportedLanguageError):
        await translator.translate("one", "es")


async def test_close_ends_the_programs(translator: Translator, held_open: Path) -> None:
    reading = asyncio.create_task(asyncio.to_thread(held_open.read_text))
    await translator.warm()
    assert await translator.translate("one", "eo") == "ONE"
    await translator.close()
    await translator.close()

    assert await reading == ""


async def test_a_closed_translator_starts_again_on_demand(translator: Translator) -> None:
    assert await translator.translate("one", "eo") == "ONE"
    await translator.close()

    assert await translator.translate("two", "eo") == "TWO"


@pytest.mark.parametrize("content", ["", "|", "one | | two", "'endless", "\xff"])
def test_an_invalid_mode_file_makes_the_engine_unavailable(mode: Path, content: str) -> None:
    mode.write_bytes(content.encode("latin-1"))
    with pytest.raises(EngineUnavailableError, match="describes no pipeline"):
        pipeline_commands(mode)


@pytest.fixture
def removed(program: Path) -> Path:
    """Path of a removed program."""
    program.unlink()
    return program


async def test_a_missing_program_makes_the_engine_unavailable(
    translator: Translator, removed: Path
) -> None:
    await translator.warm()
    with pytest.raises(EngineUnavailableError, match=f"{removed} cannot be started"):
        await translator.translate("one", "eo")


async def test_a_failing_language_does_not_affect_others(mode: Path, tmp_path: Path) -> None:
    translator = Translator({"fr": tmp_path / "none.mode", "eo": mode}, request_seconds=PATIENT)
    await translator.warm()
    with pytest.raises(EngineUnavailableError, match="describes no pipeline"):
        await translator.translate("one", "fr")

    assert await translator.translate("one", "eo") == "ONE"
    await translator.close()


def test_modes_run_with_null_flush_and_without_marks(mode: Path) -> None:
    mode.write_text("lt-proc 'a b.bin' | apertium-tagger -g $2 'c.prob' | lt-proc $1 d.bin\n")

    assert pipeline_commands(mode) == [
        ["lt-proc", "-z", "a b.bin"],
        ["apertium-tagger", "-z", "-g", "c.prob"],
        ["lt-proc", "-z", "-n", "d.bin"],
    ]


def test_only_pairs_from_english_are_found(tmp_path: Path) -> None:
    for name in ("eng-spa", "spa-eng", "eng-cat", "eng-cat_valencia", "eng-xyz", "fra-cat"):
        (tmp_path / f"{name}.mode").touch()

    assert installed_pairs(tmp_path) == {
        "es": tmp_path / "eng-spa.mode",
        "ca": tmp_path / "eng-cat.mode",
    }
    assert installed_pairs(tmp_path / "none") == {}


@given(st.text())
def test_escaping_round_trips_to_one_line(text: str) -> None:
    stream = escape(text)

    assert "\0" not in stream
    assert "\n" not in stream
    readable = "".join(character if character.isprintable() else " " for character in text)
    assert unescape(stream) == " ".join(readable.split())


@given(st.text(alphabet="ab\\^$/<>{}@[]~ \n", max_size=30))
def test_reserved_characters_are_escaped(text: str) -> None:
    plain = r"[^\\^$/<>{}@\[\]~]"
    assert re.fullmatch(rf"({plain}|\\.|\[{plain}?\])*", escape(text))
