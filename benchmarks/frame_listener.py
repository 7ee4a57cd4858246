"""A listener that counts the chunks it hears and reads two numbers of each."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

from benchmarks.frame_client import FrameClient

_SEQ = re.compile(rb'"seq":(\d+),"timestamp":(\d+)')

# Sequence number, capture time (ms since the epoch), time of receipt (likewise).
Heard = Callable[[int, int, float], None]


class FrameListener(FrameClient):
    """Joins a session as soon as it is connected; `heard` is called for every chunk.

    Parsing JSON and base64 for each listener would cost more than the server that is measured.
    """

    def __init__(self, url: str, join: dict[str, str], heard: Heard) -> None:
        super().__init__(url)
        self.sample: bytes | None = None
        self._join = json.dumps({"action": "joinSession", **join}).encode()
        self._heard = heard

    def upgraded(self) -> None:
        """Join."""
        self.send(self._join)

    def text_received(self, payload: bytes) -> None:
        """Count audio; before that comes the answer to the join."""
        if payload.startswith(b'{"type":"audio"'):
            received_at = time.time() * 1000
            numbers = _SEQ.search(payload, 0, 300)
            assert numbers is not None
            self.sample = payload
            self._heard(int(numbers[1]), int(numbers[2]), received_at)
        elif not self.ready.done():
            message = json.loads(payload)
            if message.get("type") == "sessionJoined":
                self.ready.set_result(message["sessionId"])
            else:
                self.ready.set_exception(ConnectionError(payload.decode()))
