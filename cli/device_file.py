"""Which device this machine is, and what it knows, kept in a file between runs."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from client.errors import DeviceFileError
from client.protocol.replica import DeviceReplica, SavedReplica
from client.tokens.private_files import config_dir, write_private


class _Saved(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    account: str
    replica: SavedReplica


def default_path(purpose: str, url: str, user: str) -> Path:
    """The file of a user's device at a service: nobody's state gets into another's. Raises
    DeviceFileError if nobody knows where home is.
    """
    try:
        return config_dir() / f"{purpose}-{account_of(url, user)[:12]}.json"
    except OSError as fault:
        raise DeviceFileError(f"no directory to keep the device in ({fault})") from None


def account_of(url: str, *who: str) -> str:
    """What tells one user at one service from all others."""
    return hashlib.sha256("\n".join((url.partition("?")[0], *who)).encode()).hexdigest()


class DeviceFile:
    """A device's id and replica; `tell` gets one line if they cannot be kept.

    `account` says whose they are. Of another account only the device's id is taken over: it says
    nothing of that one's state.
    """

    def __init__(self, path: Path, account: str, tell: Callable[[str], None]) -> None:
        self._path = path
        self._account = account
        self._tell = tell
        self._told = False

    def load(self) -> SavedReplica:
        """What was saved, or a new device. Raises DeviceFileError for a file that is not ours."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return SavedReplica(device_id=str(uuid.uuid4()))
        except OSError as fault:
            self._warn(fault)
            return SavedReplica(device_id=str(uuid.uuid4()))
        try:
            saved = msgspec.json.decode(content, type=_Saved)
            device_id = str(uuid.UUID(saved.replica.device_id))
        except (msgspec.DecodeError, ValueError):
            raise DeviceFileError(f"{self._path} is no file of a device") from None
        if saved.account != self._account:
            return SavedReplica(device_id=device_id)
        return saved.replica

    def save(self, replica: DeviceReplica) -> None:
        """Keep it for the next run."""
        saved = _Saved(account=self._account, replica=replica.saved())
        try:
            write_private(self._path, msgspec.json.encode(saved))
        except OSError as fault:
            self._warn(fault)

    def _warn(self, fault: OSError) -> None:
        if not self._told:
            self._told = True
            self._tell(
                f"{self._path} cannot be kept ({fault.strerror or fault}): "
                "the next time this is another device."
            )
