"""Listener that reads only the sequence number and timestamp of each chunk."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping

from benchmarks.frame_client import FrameClient

_SEQ = re.compile(rb'"seq":(\d+),"timestamp":(\d+)')

# Sequence number, capture time, time of receipt (both ms since the epoch).
OnChunk = Callable[[int, int, float], None]


class FrameListener(FrameClient):
    """Joins a session when connected; calls `on_chunk` for every chunk.

    Parsing JSON and base64 for each listener would cost more than the measured server.
    """

    def __init__(self, url: str, join: Mapping[str, str], on_chunk: OnChunk) -> None:
        super().__init__(url)
        self.sample: bytes | None = None
        self._join = json.dumps({"action": "joinSession", **join}).encode()
        self._on_chunk = on_chunk

    def upgraded(self) -> None:
        """Join the session."""
        self.send(self._join)

    def text_received(self, payload: bytes) -> None:
        """Report audio; the first other message is the reply to the join."""
        if payload.startswith(b'{"type":"audio"'):
            received_at = time.time() * 1000
            numbers = _SEQ.search(payload, 0, 300)
            assert numbers is not None
            self.sample = payload
            self._on_chunk(int(numbers[1]), int(numbers[2]), received_at)
        elif not self.ready.done():
            message = json.loads(payload)
            if message.get("type") == "sessionJoined":
                self.ready.set_result(message["sessionId"])
            else:
                self.ready.set_exception(ConnectionError(payload.decode()))
