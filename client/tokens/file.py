"""Private file with a refresh token, written by `make token` and used to renew tokens."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from client.errors import RenewalError
from client.tokens.private_files import write_private
from client.urls import is_local

_MAX_BYTES = 65_536


class TokenFile(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A refresh token with its user pool client, endpoint and user."""

    endpoint: str
    client_id: str
    refresh_token: str
    user: str = ""

    @classmethod
    def load(cls, path: Path) -> TokenFile:
        """Load the file. Raises RenewalError, also if anyone but its owner may read it."""
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(path.stat().st_mode)
                content = file.read(_MAX_BYTES)
        except OSError as fault:
            raise RenewalError(f"{path} cannot be read ({fault.strerror or fault})") from None
        if mode & 0o077:
            raise RenewalError(f"{path} can be read by others; run chmod 600 on it")
        try:
            kept = msgspec.json.decode(content, type=cls)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise RenewalError(f"{path} is not a token file; make token writes one") from None
        if not _is_safe(kept.endpoint):
            raise RenewalError(f"{path} names an endpoint that is neither https nor this machine's")
        return kept

    def save(self, path: Path) -> None:
        """Write the file, readable by its owner only. Raises RenewalError."""
        try:
            write_private(path, msgspec.json.encode(self))
        except OSError as fault:
            raise RenewalError(f"{path} cannot be written ({fault.strerror or fault})") from None

    def with_refresh_token(self, refresh_token: str) -> TokenFile:
        """Return a copy with another refresh token."""
        return msgspec.structs.replace(self, refresh_token=refresh_token)


def _is_safe(endpoint: str) -> bool:
    try:
        scheme = urlsplit(endpoint).scheme
        return scheme == "https" or (scheme == "http" and is_local(endpoint))
    except ValueError:
        return False
