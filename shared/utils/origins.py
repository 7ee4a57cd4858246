"""Browser origins (RFC 6454): normalisation, and comparison of Origin headers."""

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
    """Normalise an origin to `scheme://host:port` in lower case.

    Raises ValueError for anything else, including "null", paths and wildcards.
    """
    parts = _ORIGIN.fullmatch(text)
    if parts is None:
        raise ValueError(f"expected an origin such as https://talks.example.org, not {text!r}")
    scheme = parts["scheme"].lower()
    port = int(parts["port"] or _DEFAULT_PORTS[scheme])
    return f"{scheme}://{parts['host'].lower()}:{port}"


def is_foreign(origin: str, allowed: Collection[str]) -> bool:
    """Whether `origin` is not among `allowed`, which are normalised."""
    try:
        return normal_origin(origin) not in allowed
    except ValueError:
        return True


def origins_of(event: Mapping[str, Any]) -> list[str]:
    """All values of a handshake's Origin headers; only browsers send them."""
    values: list[str] = []
    for headers in (event.get("headers") or {}, event.get("multiValueHeaders") or {}):
        for name, value in headers.items():
            if name.lower() == "origin":
                values += value if isinstance(value, list) else [value]
    return values
