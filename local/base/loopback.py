"""Sockets on this machine's loopback addresses, IPv4's and IPv6's, at one port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack

from local.base.errors import PortTakenError

HOST = "127.0.0.1"
HOST_V6 = "::1"
# A machine without IPv6 has no such family, or no such address.
_NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}
# A port that is free in one family is seldom taken in the other.
_MOST_ATTEMPTS = 20

MakeSocket = Callable[[socket.AddressFamily, socket.SocketKind], socket.socket]


def bind(port: int, *, ipv6: bool = True, make: MakeSocket = socket.socket) -> list[socket.socket]:
    """Sockets that do not listen yet, 127.0.0.1's first, then ::1's if there is IPv6.

    Port 0 takes one that is free in both. Raises PortTakenError.
    """
    for attempt in range(_MOST_ATTEMPTS):
        with ExitStack() as failing:
            first = _bound(socket.AF_INET, HOST, port, make)
            failing.callback(first.close)
            if not ipv6:
                failing.pop_all()
                return [first]
            chosen: int = first.getsockname()[1]
            try:
                second = _bound(socket.AF_INET6, HOST_V6, chosen, make)
            except PortTakenError as taken:
                if isinstance(taken.__cause__, OSError) and taken.__cause__.errno in _NO_IPV6:
                    failing.pop_all()
                    return [first]
                if port or attempt == _MOST_ATTEMPTS - 1:
                    raise
                continue
            failing.pop_all()
            return [first, second]
    raise AssertionError("unreachable")


def _bound(family: socket.AddressFamily, host: str, port: int, make: MakeSocket) -> socket.socket:
    try:
        listener = make(family, socket.SOCK_STREAM)
    except OSError as error:
        raise PortTakenError(host, port) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(host, port) from error
    return listener
