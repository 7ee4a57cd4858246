"""The smallest sender: posts chunks to all connections of a bare gateway, in real time.

    python -m benchmarks.bare_sender URL CHUNKS CHUNK_MS FIRST_SEQ

Prints a line when it is ready, waits for one on its standard input, streams, prints another line,
and ends with its standard input.
"""

from __future__ import annotations

import base64
import json
import select
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import pycurl

from benchmarks.speaker import chunk_of
from local.base import processes

#: Posts in flight, like a function's.
IN_FLIGHT = 100


class Sender:
    """Sends one chunk after the other; kept-alive connections, HTTP/1.1."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: set[int] = set()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, IN_FLIGHT)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._timer_due = False
        self._idle = [self._handle() for _ in range(IN_FLIGHT)]

    def send(self, urls: list[str], body: bytes) -> None:
        """Post `body` to all URLs. Raises RuntimeError if a post fails."""
        for curl in self._idle:
            curl.setopt(pycurl.POSTFIELDS, body)
        left = iter(urls)
        self._start(left)
        while len(self._idle) < IN_FLIGHT:
            if self._timer_due:
                self._timer_due = False
                self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            else:
                for descriptor, events in self._epoll.poll(1.0):
                    ready = pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0
                    ready |= pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
                    self._multi.socket_action(descriptor, ready)
            self._collect()
            self._start(left)

    def _start(self, urls: Iterator[str]) -> None:
        while self._idle:
            url = next(urls, None)
            if url is None:
                return
            curl = self._idle.pop()
            curl.setopt(pycurl.URL, url)
            self._multi.add_handle(curl)

    def _collect(self) -> None:
        remaining = 1
        while remaining:
            remaining, succeeded, failed = self._multi.info_read()
            if failed:
                raise RuntimeError(f"a post failed: {failed[0][1:]}")
            for curl in succeeded:
                if curl.getinfo(pycurl.RESPONSE_CODE) != 200:
                    raise RuntimeError("a post was refused")
                self._multi.remove_handle(curl)
                self._idle.append(curl)
            if not succeeded:
                return

    def _watch(self, what: int, descriptor: int, *_: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._watched.discard(descriptor)
            with suppress(OSError):  # already closed
                self._epoll.unregister(descriptor)
            return
        events = select.EPOLLIN if what & pycurl.POLL_IN else 0
        events |= select.EPOLLOUT if what & pycurl.POLL_OUT else 0
        if descriptor in self._watched:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
            self._watched.add(descriptor)

    def _set_timer(self, timeout_ms: int) -> None:
        # Longer timers are those of slow connections, which do not exist here.
        self._timer_due = timeout_ms == 0

    @staticmethod
    def _handle() -> pycurl.Curl:
        curl = pycurl.Curl()
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/octet-stream"])
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOSIGNAL, 1)
        return curl


def frame_of(seq: int, timestamp: int, chunk_ms: int) -> bytes:
    """A chunk's message, as the product sends it."""
    message = {
        "type": "audio",
        "sessionId": "calm-otter-404",
        "language": "en",
        "epoch": 1,
        "seq": seq,
        "timestamp": timestamp,
        "audio": base64.b64encode(chunk_of(seq, chunk_ms)).decode(),
    }
    return json.dumps(message, separators=(",", ":")).encode()


def main() -> None:
    """Send all chunks; each as soon as it is complete, or after the one before it."""
    processes.schedule_as_batch()
    address, chunks, chunk_ms, first_seq = sys.argv[1], *map(int, sys.argv[2:])
    with urllib.request.urlopen(address, timeout=10) as answer:
        urls = [address + key for key in json.load(answer)]
    sender = Sender()
    print(flush=True)
    sys.stdin.readline()
    start = time.time() + chunk_ms / 1000
    for number in range(chunks):
        captured_at = start + number * chunk_ms / 1000
        frame = frame_of(first_seq + number, round(captured_at * 1000), chunk_ms)
        time.sleep(max(0.0, captured_at + chunk_ms / 1000 - time.time()))
        sender.send(urls, frame)
    print(flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
