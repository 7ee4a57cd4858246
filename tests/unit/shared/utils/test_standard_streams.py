"""Standard streams in separate processes: the program works whatever they are."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


def _run(program: str, redirection: str = "", **options: object) -> tuple[int, bytes, bytes]:
    script = textwrap.dedent(program)
    command = f'exec "{sys.executable}" -c "$1" {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", f"from shared.utils.standard_streams import *\n{script}"],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    return done.returncode, done.stdout, done.stderr


SOCKET = """
    import socket, sys
    with standard_streams():
        with socket.socket() as opened:
            number = opened.fileno()
        print("out", end="")
        print(f"{number > 2}", end="", file=sys.stderr)
        sys.exit(3)
"""


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "<&- >&-"])
def test_no_socket_gets_the_number_of_a_standard_stream(redirection: str) -> None:
    status, _, errors = _run(SOCKET, redirection)
    assert (status, errors) == (3, b"True")


def test_closed_standard_input_is_empty() -> None:
    program = """
        import sys
        with standard_streams():
            print(repr(sys.stdin.read()), sys.stdin.fileno())
    """
    assert _run(program, "<&-") == (0, b"'' 0\n", b"")


def test_characters_outside_the_encoding_are_escaped() -> None:
    program = r"""
        import sys
        with standard_streams():
            print("\u2026 \udce9 \U0001f600 é")
            print("\u2026", file=sys.stderr)
    """
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1:strict"}
    status, output, errors = _run(program, env=environment)
    assert status == 0
    assert output == b"\\u2026 \\udce9 \\U0001f600 \xe9\n"
    assert errors == b"\\u2026\n"


def test_a_full_disk_is_reported_once() -> None:
    program = """
        import sys
        with standard_streams() as outputs:
            for number in range(10_000):
                print("a line", number, flush=number % 2)
            assert outputs.failure.errno == 28
            sys.exit(5)
    """
    status, _, errors = _run(program, ">/dev/full")
    assert (status, errors) == (5, b"standard output cannot be written: No space left on device\n")


def test_an_unwritable_traceback_keeps_the_exit_status() -> None:
    status, _, _ = _run("with standard_streams(): raise ValueError", "2>/dev/full")
    assert status == 1


def test_a_slow_reader_of_a_non_blocking_pipe_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    program = "with standard_streams(): print('x' * 300_000)"
    source = f"from shared.utils.standard_streams import *\n{program}"
    with subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdout=writer) as process:
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            assert pipe.read() == b"x" * 300_000 + b"\n"
    assert process.returncode == 0
