"""Following log files: whole lines, each of them once."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.metrics.log_tail import LogTail


@pytest.fixture
def tail(tmp_path: Path) -> LogTail:
    return LogTail(tmp_path)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_each_line_is_read_once(tail: LogTail, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, b"one\ntwo\n")
    assert list(tail.lines()) == [b"one", b"two"]
    assert list(tail.lines()) == []

    append(log, b"three\n")
    assert list(tail.lines()) == [b"three"]


def test_an_unfinished_line_is_read_once_it_ends(tail: LogTail, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, b"one\ntw")
    assert list(tail.lines()) == [b"one"]

    append(log, b"o\nthr")
    assert list(tail.lines()) == [b"two"]


def test_only_logs_are_read_including_new_ones(tail: LogTail, tmp_path: Path) -> None:
    assert list(tail.lines()) == []

    append(tmp_path / "a.log", b"one\n")
    append(tmp_path / "b.log", b"two\n")
    append(tmp_path / "c.txt", b"no log\n")

    assert list(tail.lines()) == [b"one", b"two"]


def test_a_missing_folder_has_no_lines(tmp_path: Path) -> None:
    assert list(LogTail(tmp_path / "missing").lines()) == []


def test_a_log_that_starts_again_is_read_from_the_start(tail: LogTail, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, b"a long line\nunfinished")
    assert list(tail.lines()) == [b"a long line"]

    log.unlink()
    assert list(tail.lines()) == []

    log.write_bytes(b"short\n")
    assert list(tail.lines()) == [b"short"]
