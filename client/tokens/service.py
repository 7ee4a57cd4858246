"""HTTP requests to token services, bounded in time and size."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from client.errors import TokenError
from client.urls import is_local

_MAX_ANSWER_BYTES = 65_536


class _Answer(msgspec.Struct):
    token: str


async def post_for_token(url: str, body: bytes, timeout_seconds: float) -> str:
    """POST JSON and return the `token` of the answer. Raises TokenError."""
    answer = await exchange(url, body, timeout_seconds, {"Content-Type": "application/json"})
    return _token(_shown(url), answer)


async def exchange(
    url: str, body: bytes, timeout_seconds: float, headers: Mapping[str, str]
) -> bytes:
    """POST and return the response body. Raises TokenError, with the status if refused."""
    _check(url)
    exchanging = _Exchange(url, body, timeout_seconds, headers)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    def exchanged() -> None:
        outcome = exchanging.outcome()
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(_settle, answer, outcome)

    # A daemon thread, because a name lookup cannot be aborted and must not delay the exit.
    threading.Thread(target=exchanged, daemon=True).start()
    try:
        async with asyncio.timeout(timeout_seconds):
            return await answer
    except TimeoutError:
        raise TokenError(exchanging.timeout_message) from None
    finally:
        exchanging.abort()


def _settle(answer: asyncio.Future[bytes], outcome: bytes | TokenError) -> None:
    if answer.done():
        return
    if isinstance(outcome, TokenError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _token(shown: str, answer: bytes) -> str:
    try:
        token = msgspec.json.decode(answer, type=_Answer).token
    except (msgspec.MsgspecError, ValueError, RecursionError):
        token = ""
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise TokenError(f"the answer of {shown} contains no token")
    return token


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return
    except ValueError:
        pass
    raise TokenError(f"{_shown(url)!r} is not an http address to fetch a token from")


def _shown(url: str) -> str:
    """Return the URL without its query and credentials, which may be secret."""
    scheme, separator, rest = url.partition("?")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"[:100]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treats a redirect as an error: credentials go to the configured address only."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Exchange:
    """One request and its response; `abort` may be called from any thread."""

    def __init__(
        self, url: str, body: bytes, timeout_seconds: float, headers: Mapping[str, str]
    ) -> None:
        self.shown = _shown(url)
        self._headers = dict(headers)
        self._url = url
        self._body = body
        self._timeout = timeout_seconds
        self._is_local = is_local(url)
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._aborted = False

    @property
    def timeout_message(self) -> str:
        """Error message of a timeout."""
        return f"no answer of {self.shown} within {self._timeout:g} s, so no token"

    def abort(self) -> None:
        """Abort the connection, now or once it is open."""
        with self._lock:
            self._aborted = True
            for opened in self._sockets:
                with contextlib.suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)

    def watch(self, connected: socket.socket) -> None:
        """Register a connection for `abort`. Raises OSError if already aborted."""
        with self._lock:
            if self._aborted:
                raise ConnectionAbortedError
            self._sockets.append(connected)

    def outcome(self) -> bytes | TokenError:
        """Send the request and return the response body or the error."""
        try:
            return self._exchanged()
        except http.client.IncompleteRead as short:
            return short.partial
        except (OSError, http.client.HTTPException, ValueError, OverflowError) as fault:
            # The socket's timeout and `exchange`'s end at about the same time.
            if isinstance(getattr(fault, "reason", fault), TimeoutError):
                return TokenError(self.timeout_message)
            return TokenError(_reason(self.shown, fault), getattr(fault, "code", None))

    def _exchanged(self) -> bytes:
        request = urllib.request.Request(self._url, self._body, self._headers)  # noqa: S310 - checked
        # Services on this machine are not reached through a proxy.
        proxies = urllib.request.ProxyHandler({} if self._is_local else None)
        opener = urllib.request.build_opener(
            proxies, _NoRedirect, _Http(self.watch), _Https(self.watch)
        )
        with opener.open(request, timeout=self._timeout) as reply:
            return bytes(reply.read(_MAX_ANSWER_BYTES))


def _reason(shown: str, fault: Exception) -> str:
    match fault:
        case urllib.error.HTTPError(code=status):
            fault.close()
            return f"{shown} gave no token: HTTP status {status}"
        case OSError():  # RemoteDisconnected, too
            cause = getattr(fault, "reason", fault)
            reason = getattr(cause, "strerror", None) or cause
            return f"{shown} cannot be reached for a token: {reason}"
        case http.client.InvalidURL() | ValueError() | OverflowError():
            return f"{shown!r} is not an http address to fetch a token from"
        case _:
            return f"the server at {shown} is not a token service"


Watch = Callable[[socket.socket], None]


class _Connection(http.client.HTTPConnection):
    def __init__(self, watch: Watch, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._watch = watch

    def connect(self) -> None:
        super().connect()
        self._watch(self.sock)


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, watch: Watch, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._watch = watch

    def connect(self) -> None:
        super().connect()
        self._watch(self.sock)


class _Http(urllib.request.HTTPHandler):
    """Passes each opened socket to `watch`."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._make: Any = functools.partial(_Connection, watch)

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, request)


class _Https(urllib.request.HTTPSHandler):
    """Passes each opened socket to `watch`."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._make: Any = functools.partial(_SecureConnection, watch)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, request)
