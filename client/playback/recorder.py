"""Recording what is heard without ever holding up the hearing.

A thread writes. A disk that is full, a FIFO that nobody reads or whose reader goes: recording
stops or loses sound, that is said in one line, and listening goes on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from client.errors import SoundError
from client.playback.wav import WavWriter, silent_pcm
from client.sound.outputs import DescriptorOutput, StoppedError, write_error

# What may wait for a slow reader or disk; then the newest sound is left out of the recording.
_WAITING_SECONDS = 60.0
# How long the end of the recording may take to be written.
_CLOSING_SECONDS = 5.0
_STUCK_SECONDS = 1.0


class Recorder:
    """A sink that writes to `path`, a file, FIFO or device; `tell` gets a line when it cannot.

    `tell` is only called from the thread that calls the methods. Raises SoundError if the file
    can plainly not be created.
    """

    def __init__(
        self,
        path: Path,
        sample_rate: int,
        tell: Callable[[str], None],
        *,
        waiting_seconds: float = _WAITING_SECONDS,
        closing_seconds: float = _CLOSING_SECONDS,
    ) -> None:
        self._path = path
        self._rate = sample_rate
        self._tell = tell
        self._most_bytes = int(waiting_seconds * sample_rate) * 2
        self._closing_seconds = closing_seconds
        self._output = DescriptorOutput(path)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._fault: SoundError | None = None
        self._told_fault = False
        self._lost_bytes = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def write(self, pcm: bytes) -> None:
        """Record s16le samples, soon."""
        with self._changed:
            if self._fault is None:
                if self._waiting_bytes + len(pcm) <= self._most_bytes:
                    self._waiting.append(pcm)
                    self._waiting_bytes += len(pcm)
                    self._changed.notify()
                    return
                self._lose(pcm)
        self._tell_fault()

    def silence(self, duration_ms: float) -> None:
        """Record silence, at most 30 s of it."""
        self.write(silent_pcm(duration_ms, self._rate))

    def _lose(self, pcm: bytes) -> None:
        if not self._lost_bytes:
            self._tell(
                f"{self._path} is not read or written fast enough: sound is missing from it; "
                "listening goes on"
            )
        self._lost_bytes += len(pcm)

    def _tell_fault(self) -> None:
        if self._fault is not None and not self._told_fault:
            self._told_fault = True
            self._tell(f"Recording stops, listening goes on: {self._fault}")

    def close(self) -> bool:
        """Write what waits, for some seconds at the most; whether all that was heard is there."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(self._closing_seconds)
        late = self._thread.is_alive()
        if late:
            self._output.stop()
            self._thread.join(_STUCK_SECONDS)
        if not self._thread.is_alive():  # else a disk that does not answer has it
            self._output.close()
        self._tell_fault()
        lost = self._lost_bytes + (self._waiting_bytes if late else 0)
        if lost and self._fault is None:
            seconds = lost / 2 / self._rate
            self._tell(f"{self._path} lacks {seconds:.1f} s that could not be written in time")
        return self._fault is None and not lost

    def _run(self) -> None:
        try:
            file = WavWriter(self._path, self._rate, self._output)
            while (pcm := self._next()) is not None:
                file.write(pcm)
                with self._changed:
                    self._waiting_bytes -= len(pcm)
        except StoppedError:
            return
        except OSError as fault:
            self._fail(write_error(self._path, fault))
        except SoundError as fault:
            self._fail(fault)

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            return self._waiting.popleft() if self._waiting else None

    def _fail(self, fault: SoundError) -> None:
        with self._changed:
            self._fault = fault
            self._waiting.clear()
            self._waiting_bytes = 0
