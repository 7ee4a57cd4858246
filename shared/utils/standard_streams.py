"""Standard streams that cannot undo what a program has done.

Text that the encoding lacks is written as escapes. Output that cannot be written (a full disk, a
reader that is gone) is dropped, and the program goes on; its exit status tells of its work alone.
A standard descriptor that was closed at the start is /dev/null, so that no socket takes its number.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BEST_EFFORT = "backslashreplace"
# How long output waits for a reader that shares a non-blocking descriptor (s).
_PATIENCE_SECONDS = 5.0


class _Output(io.FileIO):
    """A descriptor that takes every write; `failure` is the first error, after which it drops."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        while rest and self.failure is None:
            try:
                written = super().write(rest)
                if written is None:  # the descriptor does not block, and its buffer is full
                    written = 0
                    self._wait()
                rest = rest[written:]
            except OSError as failure:
                self.failure = failure
        return size

    def _wait(self) -> None:
        _, ready, _ = select.select((), (self.fileno(),), (), _PATIENCE_SECONDS)
        if not ready:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


class Outputs:
    """What became of the output."""

    def __init__(self, output: _Output) -> None:
        self._output = output

    @property
    def failure(self) -> OSError | None:
        """Why standard output was cut short, None if it was not."""
        sys.stdout.flush()
        return self._output.failure


@contextlib.contextmanager
def standard_streams() -> Iterator[Outputs]:
    """Guard this process's standard streams, from here to its end.

    After the block, one line on standard error says why standard output was cut short. A reader
    that has enough (`| head`) is no reason to say anything.
    """
    _open_closed_descriptors()
    output, errors = _opened(1), _opened(2)
    sys.stdout = _text(output, sys.stdout)
    sys.stderr = _text(errors, sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors=_BEST_EFFORT)
    else:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    outputs = Outputs(output)
    try:
        yield outputs
    finally:
        failure = outputs.failure
        if failure is not None and failure.errno != errno.EPIPE:
            sys.stderr.write(f"standard output cannot be written: {failure.strerror}\n")
        sys.stderr.flush()


def _open_closed_descriptors() -> None:
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _opened(descriptor: int) -> _Output:
    try:
        return _Output(descriptor)
    except OSError:  # a directory, for example
        return _Output(os.open(os.devnull, os.O_WRONLY))


def _text(output: _Output, former: TextIO | None) -> io.TextIOWrapper:
    """Text in the encoding of the stream before it, buffered as that was."""
    unbuffered = former is not None and getattr(former, "write_through", False)
    return io.TextIOWrapper(
        output if unbuffered else io.BufferedWriter(output),
        encoding=former.encoding if former is not None else "utf-8",
        errors=_BEST_EFFORT,
        line_buffering=output.fileno() == 2 or output.isatty(),
        write_through=unbuffered,
    )
