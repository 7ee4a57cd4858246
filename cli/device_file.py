"""This machine's device ID and replica, kept in a file between runs."""

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
    """The device file of a user at a service, so that states of users never mix.

    Raises DeviceFileError if the home directory is unknown.
    """
    try:
        return config_dir() / f"{purpose}-{account_of(url, user)[:12]}.json"
    except OSError as fault:
        raise DeviceFileError(f"no directory for the device file ({fault})") from None


def account_of(url: str, *identity: str) -> str:
    """Hash that identifies a user at a service."""
    return hashlib.sha256("\n".join((url.partition("?")[0], *identity)).encode()).hexdigest()


class DeviceFile:
    """Loads and saves a device's ID and replica; `warn` gets one line if saving fails.

    From a file of another account only the device ID is used, which reveals nothing of its state.
    """

    def __init__(self, path: Path, account: str, warn: Callable[[str], None]) -> None:
        self._path = path
        self._account = account
        self._on_warning = warn
        self._warned = False

    def load(self) -> SavedReplica:
        """The saved replica, or a new device. Raises DeviceFileError for any other file."""
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
            raise DeviceFileError(f"{self._path} is not a device file") from None
        if saved.account != self._account:
            return SavedReplica(device_id=device_id)
        return saved.replica

    def save(self, replica: DeviceReplica) -> None:
        """Save the replica for the next run."""
        saved = _Saved(account=self._account, replica=replica.saved())
        try:
            write_private(self._path, msgspec.json.encode(saved))
        except OSError as fault:
            self._warn(fault)

    def _warn(self, fault: OSError) -> None:
        if not self._warned:
            self._warned = True
            self._on_warning(
                f"Cannot save {self._path} ({fault.strerror or fault}), "
                "so the next run will be a new device."
            )
