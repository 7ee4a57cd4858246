"""Encoding of commands and reports, with reads of any size and invalid data."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreter.engines.offline.wire import (
    MAX_PAYLOAD_BYTES,
    Command,
    CommandReader,
    Done,
    Ready,
    Report,
    Transcript,
    frame,
    line,
    parse,
)


@given(
    st.lists(st.tuples(st.sampled_from(Command), st.binary(max_size=50)), max_size=10),
    st.lists(st.integers(1, 20), min_size=1, max_size=50),
)
def test_commands_survive_any_read_size(
    commands: list[tuple[Command, bytes]], sizes: list[int]
) -> None:
    stream = b"".join(frame(command, payload) for command, payload in commands)
    reader = CommandReader()
    read: list[tuple[Command, bytes]] = []
    for size in (*sizes, len(stream)):
        read += reader.feed(stream[:size])
        stream = stream[size:]
    read += reader.feed(stream)

    assert read == commands


@pytest.mark.parametrize("data", [b"\x09\0\0\0\0", b"\x01\xff\xff\xff\xff"])
def test_invalid_commands_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"frame of|not a valid Command"):
        list(CommandReader().feed(data))


def test_frames_that_are_too_long_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        frame(Command.SOUND, bytes(MAX_PAYLOAD_BYTES + 1))


@given(
    st.one_of(
        st.just(Ready()),
        st.just(Done()),
        st.builds(Transcript, st.text(), st.booleans(), st.floats(0, 1e9), st.floats(0, 1e9)),
    )
)
def test_reports_are_encoded_as_one_line(report: Report) -> None:
    data = line(report)

    assert data.index(b"\n") == len(data) - 1
    assert parse(data) == report


def test_invalid_reports_are_refused() -> None:
    for data in (b"", b"\n", b"{}", b'{"type": "transcript"}', b"\xff"):
        with pytest.raises(msgspec.MsgspecError):
            parse(data)
