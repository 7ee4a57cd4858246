"""Sockets on the IPv4 and IPv6 loopback addresses at one port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack

from local.base.errors import PortTakenError

HOST = "127.0.0.1"
HOST_V6 = "::1"
# Errors on a machine without IPv6: the family or the address is missing.
_NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}
# A port that is free in one family is rarely taken in the other.
_MAX_ATTEMPTS = 20

MakeSocket = Callable[[socket.AddressFamily, socket.SocketKind], socket.socket]


def bind(port: int, *, ipv6: bool = True, make: MakeSocket = socket.socket) -> list[socket.socket]:
    """Bind sockets to 127.0.0.1 and, if the machine has IPv6, to ::1. They do not listen yet.

    Port 0 chooses a port that is free on both addresses. Raises PortTakenError.
    """
    for attempt in range(_MAX_ATTEMPTS):
        with ExitStack() as on_failure:
            first = _bind(socket.AF_INET, HOST, port, make)
            on_failure.callback(first.close)
            if not ipv6:
                on_failure.pop_all()
                return [first]
            chosen: int = first.getsockname()[1]
            try:
                second = _bind(socket.AF_INET6, HOST_V6, chosen, make)
            except PortTakenError as taken:
                if isinstance(taken.__cause__, OSError) and taken.__cause__.errno in _NO_IPV6:
                    on_failure.pop_all()
                    return [first]
                if port or attempt == _MAX_ATTEMPTS - 1:
                    raise
                continue
            on_failure.pop_all()
            return [first, second]
    raise AssertionError("unreachable")


def _bind(family: socket.AddressFamily, host: str, port: int, make: MakeSocket) -> socket.socket:
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
