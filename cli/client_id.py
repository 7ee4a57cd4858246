"""Random ID of an anonymous client, kept in a file so that the service recognises it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from client.tokens.private_files import config_dir, create_private, write_private
from shared.models.errors import ValidationError
from shared.utils.validators import validate_client_id

_NAME = "client-id"
_MAX_BYTES = 256  # a longer file does not hold a client ID


def load_client_id(
    warn: Callable[[str], None], new_id: Callable[[], str] = lambda: uuid.uuid4().hex
) -> str | None:
    """Load this user's client ID, or create it at first use.

    Returns None, after a line to `warn`, if the ID cannot be saved.
    """
    try:
        return _load_or_create(config_dir() / _NAME, new_id)
    except OSError as fault:
        warn(
            f"Cannot save a client ID ({fault.strerror or fault}), so announcements that you "
            "confirmed will be shown again."
        )
        return None


def _load_or_create(path: Path, new_id: Callable[[], str]) -> str:
    if client_id := _read(path):
        return client_id
    created = new_id()
    try:
        create_private(path, created.encode())
    except FileExistsError:
        # Another process created one in the meantime, or the file holds no valid ID.
        if client_id := _read(path):
            return client_id
        write_private(path, created.encode())
    return created


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode(errors="replace").strip()
        return validate_client_id(text)
    except (FileNotFoundError, ValidationError):
        return None
