"""Test tokens with any claims, unsigned: clients only read them."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

_numbers = itertools.count(1)


def jwt_saying(**claims: Any) -> str:
    """Build a unique token with these claims."""
    return jwt_of({**claims, "jti": next(_numbers)})


def jwt_of(claims: object) -> str:
    """Build a token whose claims are any JSON."""
    return f"{_part({'alg': 'RS256'})}.{_part(claims)}.c2lnbmF0dXJl"


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
