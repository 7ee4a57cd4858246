"""Following log files: whole lines, each of them once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.metrics.tail import FolderTail


@pytest.fixture
def tail(tmp_path: Path) -> Iterator[FolderTail]:
    opened = FolderTail(tmp_path)
    yield opened
    opened.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_each_line_comes_once(tail: FolderTail, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, b"one\ntwo\n")
    assert list(tail.lines()) == [b"one", b"two"]
    assert list(tail.lines()) == []

    append(log, b"three\n")
    assert list(tail.lines()) == [b"three"]


def test_a_line_comes_when_it_has_ended(tail: FolderTail, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, b"one\ntw")
    assert list(tail.lines()) == [b"one"]

    append(log, b"o\nthr")
    assert list(tail.lines()) == [b"two"]


def test_files_that_come_later_are_found_and_others_left_alone(
    tail: FolderTail, tmp_path: Path
) -> None:
    assert list(tail.lines()) == []

    append(tmp_path / "a.log", b"one\n")
    append(tmp_path / "b.log", b"two\n")
    append(tmp_path / "c.txt", b"no log\n")

    assert list(tail.lines()) == [b"one", b"two"]


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(FolderTail(tmp_path / "missing").lines()) == []


def test_a_file_that_starts_again_is_read_from_its_start(tail: FolderTail, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, b"a long line\nunfinished")
    assert list(tail.lines()) == [b"a long line"]

    log.write_bytes(b"short\n")
    assert list(tail.lines()) == [b"short"]


def test_a_file_that_is_replaced_is_read_to_its_end_and_then_the_new_one(
    tail: FolderTail, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    append(log, b"one\n")
    assert list(tail.lines()) == [b"one"]

    append(log, b"two\nunfinished")
    log.rename(tmp_path / "a.log.1")
    append(log, b"three\n")
    assert list(tail.lines()) == [b"two", b"three"]


def test_a_file_that_is_away_for_a_while_goes_on(tail: FolderTail, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    append(log, b"one\n")
    assert list(tail.lines()) == [b"one"]

    log.unlink()
    assert list(tail.lines()) == []

    append(log, b"two\n")
    assert list(tail.lines()) == [b"two"]


def test_a_line_without_end_is_given_up_and_the_next_one_is_not(
    tail: FolderTail, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    append(log, b"x" * (3 << 20))
    assert list(tail.lines()) == []

    append(log, b"still the same\nnext\n")
    assert list(tail.lines()) == [b"next"]
