"""Edge cases of the process: arguments that are not text, no login name, closed output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from cli.main import app
from cli.standard_io import with_text_check
from client.errors import TokenError
from client.tokens.development import login_name
from tests.unit.cli.command_line import server
from tests.unit.cli.test_announce import Announcing

ROOT = Path(__file__).parents[3]
LATIN = os.fsdecode(b"Caf\xe9")
TEXT = "Mittag … 12 Uhr"


def _commands(command: Any, *path: str) -> list[tuple[tuple[str, ...], Any]]:
    """All parameters, each with the path of its command."""
    found = [(path, parameter) for parameter in command.params]
    for name, inner in getattr(command, "commands", {}).items():
        found += _commands(inner, *path, name)
    return found


COMMAND = with_text_check(app)
PARAMETERS = _commands(COMMAND)


def _is_text(parameter: Any) -> bool:
    annotation = parameter.type_descriptor.annotation
    is_file = annotation is Path or parameter.metavar in {"FILE", "FILE.wav"}
    return not is_file and not getattr(parameter, "is_flag", False)


TEXTS = [(path, parameter) for path, parameter in PARAMETERS if _is_text(parameter)]
VARIABLES = [(path, parameter) for path, parameter in TEXTS if parameter.envvar]


def _names(of: Sequence[tuple[tuple[str, ...], Any]]) -> list[str]:
    return [" ".join((*path, parameter.name)) for path, parameter in of]


class Refused(Protocol):
    """Runs a command line that rejects its arguments; returns its standard error."""

    def __call__(self, *arguments: str) -> str: ...


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            COMMAND([*arguments])
        assert ended.value.code == 2
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(("path", "parameter"), TEXTS, ids=_names(TEXTS))
def test_arguments_that_are_not_utf8_are_rejected(
    path: Sequence[str], parameter: Any, refused: Refused
) -> None:
    option = parameter.opts[0]
    given = [option, LATIN] if option.startswith("-") else [LATIN]
    assert refused(*path, *given)


@pytest.mark.parametrize(("path", "parameter"), VARIABLES, ids=_names(VARIABLES))
def test_environment_variables_that_are_not_utf8_are_rejected(
    path: Sequence[str],
    parameter: Any,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(parameter.envvar, LATIN)
    sound = ("talk.wav",) if path == ("speak",) else ()
    (line,) = refused(*path, *sound).splitlines()
    assert parameter.envvar in line
    assert "UTF-8" in line


def test_the_error_is_one_line_that_names_the_option(refused: Refused) -> None:
    assert refused("announce", LATIN).splitlines() == [
        "error: TEXT holds bytes that are not UTF-8; give the text in UTF-8"
    ]
    (line,) = refused("announce", "hello", "--url", LATIN).splitlines()
    assert line.startswith("error: --url (or LINGOCAST_URL) holds")


def test_the_error_does_not_show_the_token(refused: Refused) -> None:
    assert "Caf" not in refused("announce", "hello", "--token", LATIN)


def test_a_file_may_have_any_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        COMMAND(["speak", str(tmp_path / f"{LATIN}.wav")])
    assert ended.value.code == 1
    assert "UTF-8" not in capsys.readouterr().err


@pytest.mark.parametrize("fault", [KeyError("uid not found: 54321"), OSError("No username set")])
def test_a_user_without_a_login_name_needs_the_user_option(fault: Exception) -> None:
    def unknown() -> str:
        raise fault

    with pytest.raises(TokenError, match="--user"):
        login_name(unknown)


@pytest.mark.parametrize("name", ["", LATIN])
def test_a_login_name_that_is_not_text_is_ignored(name: str) -> None:
    with pytest.raises(TokenError, match="--user"):
        login_name(lambda: name)


def _announce(url: str, redirection: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = f'exec "{sys.executable}" -m client announce "$1" --url "$2" --token t {redirection}'
    return subprocess.run(
        ["sh", "-c", command, "sh", TEXT, url],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "environment", "output", "errors"),
    [
        ("", {"PYTHONIOENCODING": "latin-1"}, rb"Mittag \u2026 12 Uhr", b""),
        ("", {"PYTHONIOENCODING": "ascii"}, b"Mittag", b""),
        ("", {"PYTHONUNBUFFERED": "1"}, TEXT.encode(), b""),
        (">/dev/full", {}, b"", b"standard output cannot be written: No space left on device\n"),
        (">/dev/full 2>&1", {}, b"", b""),
        (">&-", {}, b"", b""),
        ("2>&-", {}, TEXT.encode(), b""),
        ("<&-", {}, TEXT.encode(), b""),
        ("<&- >&- 2>&-", {}, b"", b""),
        ("1</dev/null", {}, b"", b"standard output cannot be written: Bad file descriptor\n"),
    ],
)
def test_unusable_output_does_not_change_the_result(
    redirection: str, environment: Mapping[str, str], output: bytes, errors: bytes
) -> None:
    service = Announcing()
    with server(service) as url:
        done = _announce(url, redirection, **environment)
    assert done.returncode == 0
    assert [request["action"] for request in service.requests] == ["announce"]
    assert output in done.stdout
    assert done.stderr.startswith(errors)
    assert len(done.stderr.splitlines()) == bool(errors)
    assert b"Traceback" not in done.stderr


def test_a_closed_pipe_does_not_change_the_result() -> None:
    service = Announcing()
    reader, writer = os.pipe()
    os.close(reader)
    with server(service) as url:
        done = subprocess.run(
            [sys.executable, "-m", "cli", "announce", TEXT, "--url", url, "--token", "t"],
            cwd=ROOT,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
