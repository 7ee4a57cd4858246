"""The random id by which the service knows an anonymous client again, kept in a file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from client.tokens.private_files import config_dir, create_private, write_private
from shared.models.errors import ValidationError
from shared.utils.validators import validate_client_id

_NAME = "client-id"
_MAX_BYTES = 256  # whatever is longer is no id of ours


def kept_client_id(
    tell: Callable[[str], None], new_id: Callable[[], str] = lambda: uuid.uuid4().hex
) -> str | None:
    """This user's id on this machine, made at first use.

    If it cannot be kept there is none, and `tell` gets one line about it.
    """
    try:
        return _kept(config_dir() / _NAME, new_id)
    except OSError as fault:
        tell(
            f"No client id can be kept ({fault.strerror or fault}), so announcements that you "
            "have confirmed will be shown again."
        )
        return None


def _kept(path: Path, new_id: Callable[[], str]) -> str:
    if known := _read(path):
        return known
    made = new_id()
    try:
        create_private(path, made.encode())
    except FileExistsError:
        # Another program made one at the same moment, or what stands there is none.
        if known := _read(path):
            return known
        write_private(path, made.encode())
    return made


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode(errors="replace").strip()
        return validate_client_id(text)
    except (FileNotFoundError, ValidationError):
        return None
