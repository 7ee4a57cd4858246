"""Concurrent HTTP requests in one thread: libcurl's multi interface, driven by a fan-out plan.

libcurl names the sockets and epoll watches them, so a round costs as much as has happened, not as
much as is in flight. With 100 requests in flight this takes less than two thirds of the CPU time of
libcurl's own `perform`. epoll requires Linux, which Lambda runs on.
"""

from __future__ import annotations

import select
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import pycurl

from shared.fanout.fanout_plan import FanoutPlan, PostReply
from shared.utils.clock import Clock

# Errors libcurl reports when a connection ends during a request. libcurl retries these itself on a
# reused connection, but gives up after a few attempts if many connections have died.
_RESETS = frozenset((pycurl.E_GOT_NOTHING, pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR))


class OutgoingRequest(NamedTuple):
    """A request to send. Header lines are `Name: value`; only POST has a body."""

    method: str
    url: str
    headers: Sequence[str]
    body: bytes = b""


def reply_to(status: int) -> PostReply:
    """Map an HTTP status to the reply it stands for.

    PostToConnection answers 429 when it throttles the account or a slow recipient, and 410 for a
    closed connection; see
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html.
    """
    if 200 <= status < 300:
        return PostReply.ACCEPTED
    if status == 410:
        return PostReply.GONE
    if status == 429:
        return PostReply.THROTTLED
    if status >= 500:
        return PostReply.TRY_LATER
    return PostReply.REFUSED


class CurlMulti:
    """Runs fan-out plans, keeping connections open between runs. Not thread-safe."""

    def __init__(
        self,
        *,
        clock: Clock,
        ca_bundle: str,
        max_connections: int,
        connect_timeout_ms: int,
        request_timeout_ms: int,
    ) -> None:
        self._clock = clock
        self._ca_bundle = ca_bundle
        self._connect_timeout_ms = connect_timeout_ms
        self._request_timeout_ms = request_timeout_ms
        self._idle: list[_Transfer] = []
        self._in_flight: dict[pycurl.Curl, _Transfer] = {}
        self._epoll = select.epoll()
        # Events that epoll watches for, by socket; and the sockets that libcurl waits for.
        self._watched: dict[int, int] = {}
        self._wanted: set[int] = set()
        # Sockets of connections, in contrast to those libcurl uses internally.
        self._connections: set[int] = set()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, max_connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)

    def run(
        self,
        plan: FanoutPlan,
        request_of: Callable[[int], OutgoingRequest],
        on_accepted: Callable[[int, bytes], None] | None = None,
    ) -> Counter[str]:
        """Execute `plan`. Returns the errors of failed attempts and their counts.

        `request_of` returns the request for a number and is called for each attempt;
        `on_accepted` receives the bodies of successful responses. An exception in either ends the
        run and propagates; the next run works as usual.
        """
        errors: Counter[str] = Counter()
        try:
            while not plan.done:
                self._start_all(plan, request_of)
                self._wait(plan.wake_at())
                self._collect(plan, errors, on_accepted)
                if plan.expire(self._clock.monotonic()):
                    break
        finally:
            # A handle left behind would disturb later runs. Removing it while in flight closes its
            # connection.
            for transfer in self._in_flight.values():
                self._multi.remove_handle(transfer.curl)
                self._idle.append(transfer)
            self._in_flight.clear()
        return errors

    def close(self) -> None:
        """Close all connections. `run` cannot be called afterwards."""
        self._multi.close()
        for transfer in self._idle:
            transfer.curl.close()
        self._epoll.close()

    def _start_all(self, plan: FanoutPlan, request_of: Callable[[int], OutgoingRequest]) -> None:
        now = self._clock.monotonic()
        while (number := plan.take(now)) is not None:
            request = request_of(number)
            transfer = self._idle.pop() if self._idle else self._new_transfer()
            transfer.load(number, request, fresh=plan.needs_fresh_connection(number))
            self._multi.add_handle(transfer.curl)
            self._in_flight[transfer.curl] = transfer

    def _wait(self, wake_at: float) -> None:
        """Wait for events until `wake_at` (monotonic seconds) and let libcurl handle them.

        Asking libcurl for its next time-out costs less than its timer callback, which it calls
        several times a request.
        """
        timeout_ms = self._multi.timeout()
        seconds = max(0.0, wake_at - self._clock.monotonic())
        if timeout_ms >= 0:
            seconds = min(seconds, timeout_ms / 1000)
        for descriptor, events in self._epoll.poll(seconds):
            if descriptor in self._wanted:
                self._multi.socket_action(descriptor, _CURL_EVENTS[events])
            else:  # an idle connection was closed
                self._unregister(descriptor)
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _collect(
        self,
        plan: FanoutPlan,
        errors: Counter[str],
        on_accepted: Callable[[int, bytes], None] | None,
    ) -> None:
        remaining = 1
        while remaining:
            remaining, succeeded, failed = self._multi.info_read()
            if not succeeded and not failed:
                return
            now = self._clock.monotonic()
            for curl in succeeded:
                transfer = self._take_out(curl)
                status: int = curl.getinfo(pycurl.RESPONSE_CODE)
                reply = reply_to(status)
                if reply is not PostReply.ACCEPTED:
                    errors[f"HTTP {status}"] += 1
                elif on_accepted is not None:
                    on_accepted(transfer.number, bytes(transfer.response))
                plan.finish(transfer.number, reply, now)
            for curl, code, _ in failed:
                transfer = self._take_out(curl)
                errors[f"curl {code}"] += 1
                reset = code in _RESETS and not curl.getinfo(pycurl.HEADER_SIZE)
                plan.finish(transfer.number, PostReply.RESET if reset else PostReply.REFUSED, now)

    def _take_out(self, curl: pycurl.Curl) -> _Transfer:
        self._multi.remove_handle(curl)
        transfer = self._in_flight.pop(curl)
        self._idle.append(transfer)
        return transfer

    def _new_transfer(self) -> _Transfer:
        curl = pycurl.Curl()
        transfer = _Transfer(curl)
        curl.setopt(pycurl.WRITEFUNCTION, transfer.response.extend)
        curl.setopt(pycurl.CAINFO, self._ca_bundle)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, self._connect_timeout_ms)
        curl.setopt(pycurl.TIMEOUT_MS, self._request_timeout_ms)
        # HTTP/2 would share connections where a server offers it, so that measurements would not
        # match the deployment.
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.PATH_AS_IS, 1)  # the path is signed as it is
        curl.setopt(pycurl.PROXY, "")  # ignore proxies in the environment
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.SOCKOPTFUNCTION, self._connecting)
        curl.setopt(pycurl.USERAGENT, "lingocast")
        return transfer

    def _watch(self, what: int, descriptor: int, *_: object) -> None:
        """Watch a socket for libcurl; its socket callback.

        libcurl removes a socket after each request and adds it again with the next one. A
        connection stays registered with epoll in between, which saves two system calls a request.
        """
        if what == pycurl.POLL_REMOVE:
            self._wanted.discard(descriptor)
            if descriptor not in self._connections:
                self._unregister(descriptor)
            return
        self._wanted.add(descriptor)
        events = _EPOLL_EVENTS[what]
        watched = self._watched.get(descriptor)
        if watched == events:
            return
        if watched is None:
            self._epoll.register(descriptor, events)
        else:
            self._epoll.modify(descriptor, events)
        self._watched[descriptor] = events

    def _unregister(self, descriptor: int) -> None:
        self._watched.pop(descriptor, None)
        with suppress(OSError):  # already closed
            self._epoll.unregister(descriptor)

    def _connecting(self, descriptor: int, _purpose: int) -> int:
        """Note a new connection; libcurl's callback for socket options.

        Its descriptor may be that of a closed connection, which epoll has forgotten.
        """
        self._connections.add(descriptor)
        self._watched.pop(descriptor, None)
        return pycurl.SOCKOPT_OK


class _Transfer:
    """A reusable easy handle. Options that do not change between uses stay set."""

    __slots__ = ("_body", "_fresh", "_method", "curl", "number", "response")

    def __init__(self, curl: pycurl.Curl) -> None:
        self.curl = curl
        self.number = -1
        self.response = bytearray()
        self._method = ""
        self._body: bytes | None = None
        self._fresh = False

    def load(self, number: int, request: OutgoingRequest, *, fresh: bool) -> None:
        """Prepare the handle for `request`. The body is shared with libcurl, not copied."""
        self.number = number
        self.response.clear()
        curl = self.curl
        if request.method != self._method:
            self._set_method(request.method)
        if request.method == "POST" and request.body is not self._body:
            curl.setopt(pycurl.POSTFIELDS, request.body)
            self._body = request.body
        if fresh is not self._fresh:
            curl.setopt(pycurl.FRESH_CONNECT, int(fresh))
            self._fresh = fresh
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.HTTPHEADER, request.headers)

    def _set_method(self, method: str) -> None:
        if method == "POST":
            self.curl.unsetopt(pycurl.CUSTOMREQUEST)
            self.curl.setopt(pycurl.POST, 1)
        else:
            self.curl.setopt(pycurl.HTTPGET, 1)
            self.curl.setopt(pycurl.CUSTOMREQUEST, method)
        self._method = method


def _curl_events(events: int) -> int:
    wanted = 0
    if events & select.EPOLLIN:
        wanted |= pycurl.CSELECT_IN
    if events & select.EPOLLOUT:
        wanted |= pycurl.CSELECT_OUT
    if events & (select.EPOLLERR | select.EPOLLHUP):
        wanted |= pycurl.CSELECT_ERR
    return wanted


# By combination of POLL_IN and POLL_OUT, and of epoll's flags.
_EPOLL_EVENTS = (
    0,
    select.EPOLLIN,
    select.EPOLLOUT,
    select.EPOLLIN | select.EPOLLOUT,
)
_CURL_EVENTS = tuple(map(_curl_events, range(32)))
