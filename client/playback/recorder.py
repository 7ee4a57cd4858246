"""Recording of audio without blocking playback.

A thread writes the file. If the disk is full, or a FIFO has no reader, recording stops or loses
audio; one line reports it, and listening goes on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from client.errors import SoundError
from client.playback.wav import WavWriter, silent_pcm
from client.sound.outputs import DescriptorOutput, StoppedError, write_error

# Audio buffered for a slow reader or disk. When it is full, new audio is not recorded.
_WAITING_SECONDS = 60.0
# Time limit for writing the rest when the recording is closed.
_CLOSING_SECONDS = 5.0
_STUCK_SECONDS = 1.0


class Recorder:
    """A sink that writes to `path`: a file, FIFO or device.

    `tell` is called with a line about each problem, always from the thread that calls the methods.
    Raises SoundError if the file evidently cannot be created.
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
        """Queue s16le samples for recording."""
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
        """Queue silence for recording, at most 30 s."""
        self.write(silent_pcm(duration_ms, self._rate))

    def _lose(self, pcm: bytes) -> None:
        if not self._lost_bytes:
            self._tell(
                f"{self._path} is not read or written fast enough: audio is missing from it; "
                "listening goes on"
            )
        self._lost_bytes += len(pcm)

    def _tell_fault(self) -> None:
        if self._fault is not None and not self._told_fault:
            self._told_fault = True
            self._tell(f"Recording stops, listening goes on: {self._fault}")

    def close(self) -> bool:
        """Write the buffered audio within a time limit; return whether the file is complete."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(self._closing_seconds)
        late = self._thread.is_alive()
        if late:
            self._output.stop()
            self._thread.join(_STUCK_SECONDS)
        if not self._thread.is_alive():  # otherwise a hanging disk still uses the output
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
