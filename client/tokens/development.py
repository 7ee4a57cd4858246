"""Tokens of a development server, and the user that a token names."""

from __future__ import annotations

import base64
import getpass
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from client.errors import UnknownUserError
from client.tokens.service import post_for_token
from client.urls import is_local
from shared.utils.text_arguments import is_text

_TIMEOUT_SECONDS = 10.0
_LAST_PORT = 65_535


def local_token_url(websocket_url: str) -> str | None:
    """Return the token URL of a local development server: the port after the WebSocket's.

    None for a server on another machine, or for a URL without a port.
    """
    try:
        port = urlsplit(websocket_url).port
    except ValueError:
        return None
    if port is None or port + 1 > _LAST_PORT or not is_local(websocket_url):
        return None
    host = "[::1]" if urlsplit(websocket_url).hostname == "::1" else "127.0.0.1"
    return f"http://{host}:{port + 1}/token"


@dataclass(frozen=True, slots=True)
class TokenIdentity:
    """Identity that a token claims; the token is not verified."""

    user: str  # the `sub` claim; empty if the token is not a JWT
    key_id: str  # of the signing key

    @classmethod
    def of(cls, token: str | None) -> TokenIdentity:
        """Read a token's header and claims (RFC 7515, section 3.1)."""
        header, _, rest = (token or "").partition(".")
        return cls(_member(rest.partition(".")[0], "sub"), _member(header, "kid"))


def _member(part: str, name: str) -> str:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[name]
    except (ValueError, KeyError, TypeError):
        return ""
    return value if isinstance(value, str) else ""


def login_name(look_up: Callable[[], str] = getpass.getuser) -> str:
    """Return the login name of this process's user. Raises UnknownUserError."""
    try:
        name = look_up()
    except (KeyError, OSError):  # no environment variable, and no entry in the password file
        name = ""
    if not name or not is_text(name):
        raise UnknownUserError
    return name


async def fetch_token(
    url: str, user: str, groups: Sequence[str], *, timeout_seconds: float = _TIMEOUT_SECONDS
) -> str:
    """Fetch a token for `user` as a member of `groups`: `POST url {"sub", "groups"}`.

    Raises TokenError.
    """
    body = json.dumps({"sub": user, "groups": list(groups)}).encode()
    return await post_for_token(url, body, timeout_seconds)
