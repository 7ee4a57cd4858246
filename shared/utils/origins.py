"""Origins of browsers (RFC 6454): parsing the allowed ones, and comparing an Origin header."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

_DEFAULT_PORTS = {"https": "443", "http": "80"}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)


def normal_origin(text: str) -> str:
    """An origin as `scheme://host:port`, in lower case and with its port.

    Raises ValueError for anything else, among it "null", a path and a wildcard.
    """
    parts = _ORIGIN.fullmatch(text)
    if parts is None:
        raise ValueError(f"expected an origin such as https://talks.example.org, not {text!r}")
    scheme = parts["scheme"].lower()
    port = int(parts["port"] or _DEFAULT_PORTS[scheme])
    return f"{scheme}://{parts['host'].lower()}:{port}"


def is_foreign(origin: str, allowed: Collection[str]) -> bool:
    """Whether `origin` is none of `allowed`, which are in their normal form."""
    try:
        return normal_origin(origin) not in allowed
    except ValueError:
        return True


def origins_of(event: Mapping[str, Any]) -> list[str]:
    """Every value of a handshake's Origin headers; none of a client that is no browser."""
    values: list[str] = []
    for headers in (event.get("headers") or {}, event.get("multiValueHeaders") or {}):
        for name, value in headers.items():
            if name.lower() == "origin":
                values += value if isinstance(value, list) else [value]
    return values
