"""A refresh token in a private file: what `make token` keeps and the client renews by."""

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
    """Which user pool client a refresh token is for, where it is renewed, and whose it is."""

    endpoint: str
    client_id: str
    refresh_token: str
    user: str = ""

    @classmethod
    def load(cls, path: Path) -> TokenFile:
        """The file's content. Raises RenewalError, also if others than its owner may read it."""
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
            raise RenewalError(f"{path} is no token file; make token writes one") from None
        if not _is_safe(kept.endpoint):
            raise RenewalError(f"{path} names an endpoint that is neither https nor this machine's")
        return kept

    def save(self, path: Path) -> None:
        """Write it for its owner's eyes alone. Raises RenewalError."""
        try:
            write_private(path, msgspec.json.encode(self))
        except OSError as fault:
            raise RenewalError(f"{path} cannot be written ({fault.strerror or fault})") from None

    def with_refresh_token(self, refresh_token: str) -> TokenFile:
        """The same with another refresh token."""
        return msgspec.structs.replace(self, refresh_token=refresh_token)


def _is_safe(endpoint: str) -> bool:
    try:
        scheme = urlsplit(endpoint).scheme
        return scheme == "https" or (scheme == "http" and is_local(endpoint))
    except ValueError:
        return False
