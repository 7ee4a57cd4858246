"""Standard streams whose failures never stop the program.

Characters outside the encoding are written as escapes. Output that cannot be written (a full disk,
a closed pipe) is dropped and the program continues, so its exit status reflects only its work.
A standard descriptor closed at the start becomes /dev/null, so that no socket gets its number.
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
# Time-out of a write to a full non-blocking descriptor (s).
_PATIENCE_SECONDS = 5.0


class _Output(io.FileIO):
    """A descriptor that accepts every write, and drops output after a `failure`."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        while rest and self.failure is None:
            try:
                written = super().write(rest)
                if written is None:  # non-blocking, and the buffer is full
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
    """State of standard output."""

    def __init__(self, output: _Output) -> None:
        self._output = output

    @property
    def failure(self) -> OSError | None:
        """Error that cut standard output short; None if there was none."""
        sys.stdout.flush()
        return self._output.failure


@contextlib.contextmanager
def standard_streams() -> Iterator[Outputs]:
    """Protect this process's standard streams until it exits.

    After the block, one line on standard error reports why standard output was cut short, unless
    the reader closed the pipe (`| head`).
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
            # open() returns the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _opened(descriptor: int) -> _Output:
    try:
        return _Output(descriptor)
    except OSError:  # a directory, for example
        return _Output(os.open(os.devnull, os.O_WRONLY))


def _text(output: _Output, former: TextIO | None) -> io.TextIOWrapper:
    """Wrap the output with the encoding and buffering of the former stream."""
    unbuffered = former is not None and getattr(former, "write_through", False)
    return io.TextIOWrapper(
        output if unbuffered else io.BufferedWriter(output),
        encoding=former.encoding if former is not None else "utf-8",
        errors=_BEST_EFFORT,
        line_buffering=output.fileno() == 2 or output.isatty(),
        write_through=unbuffered,
    )
