"""Limits of device sync: ids, names, positions, commands, clocks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from shared.models.errors import ErrorCode, ValidationError
from shared.models.hlc import Hlc
from shared.protocol.device_messages import RegisterDevice, Sync, SyncMessage

#: Maximum lead of a clock over the service's (ms), so that a wrong clock does not always win.
MAX_CLOCK_AHEAD_MS = 60_000
MAX_NAME_LENGTH = 64
MAX_KIND_LENGTH = 32
MAX_CONTENT_ID_LENGTH = 128
#: Maximum size of a command's arguments as JSON.
MAX_ARGUMENTS_BYTES = 4 * 1024
#: Maximum nesting of the arguments, including themselves: JSON libraries have different limits.
MAX_ARGUMENTS_DEPTH = 32

_Value = TypeVar("_Value")

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_COMMAND = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def validate_uuid(text: str, field: str, code: ErrorCode = ErrorCode.INVALID_SYNC) -> str:
    """Return the UUID in lower case. Raises `code`."""
    lowered = text.lower()
    if not _UUID.fullmatch(lowered):
        raise ValidationError(
            code, field, "not a UUID such as 3f2b8c1e-5a4d-4e6f-9b7a-0c1d2e3f4a5b"
        )
    return lowered


def validate_device(request: RegisterDevice) -> RegisterDevice:
    """Return the request with its id in lower case. Raises INVALID_DEVICE."""
    for field, text, limit in (
        ("name", request.name, MAX_NAME_LENGTH),
        ("kind", request.kind, MAX_KIND_LENGTH),
    ):
        if text is not None and len(text) > limit:
            raise ValidationError(
                ErrorCode.INVALID_DEVICE, field, f"{len(text)} characters, the maximum is {limit}"
            )
    device_id = validate_uuid(request.device_id, "deviceId", ErrorCode.INVALID_DEVICE)
    return msgspec.structs.replace(request, device_id=device_id)


def validate_clock(hlc: Hlc, now_ms: int, field: str = "hlc.wallMs") -> None:
    """Check that a clock is at most 60 s ahead of `now_ms`. Raises CLOCK_SKEW."""
    ahead = hlc.wall_ms - now_ms
    if ahead > MAX_CLOCK_AHEAD_MS:
        raise ValidationError(
            ErrorCode.CLOCK_SKEW,
            field,
            f"{ahead} ms ahead of the service, the maximum is {MAX_CLOCK_AHEAD_MS}; set the clock",
        )


def validate_sync(request: Sync, timestamp: int) -> SyncMessage:
    """Return the message with only the fields of its kind, and UUIDs in lower case.

    `timestamp` (ms) is when it was received. Raises INVALID_SYNC.
    """
    if request.kind == "deviceCommand":
        return _command(request, timestamp)
    content_id = _required(request.content_id, "contentId")
    if not 1 <= len(content_id) <= MAX_CONTENT_ID_LENGTH:
        raise _invalid(
            "contentId", f"{len(content_id)} characters, not between 1 and {MAX_CONTENT_ID_LENGTH}"
        )
    if request.kind == "watchlistUpdate":
        return SyncMessage(
            kind=request.kind,
            hlc=request.hlc,
            timestamp=timestamp,
            content_id=content_id,
            operation=_required(request.operation, "operation"),
        )
    position, duration = _progress(request)
    return SyncMessage(
        kind=request.kind,
        hlc=request.hlc,
        timestamp=timestamp,
        content_id=content_id,
        position_seconds=position,
        duration_seconds=duration,
    )


def _progress(request: Sync) -> tuple[float, float]:
    position = _required(request.position_seconds, "positionSeconds")
    duration = _required(request.duration_seconds, "durationSeconds")
    if not math.isfinite(duration) or duration < 0:
        raise _invalid("durationSeconds", "not a finite number of at least 0")
    if not 0 <= position <= duration:
        raise _invalid("positionSeconds", "not between 0 and durationSeconds")
    return position, duration


def _command(request: Sync, timestamp: int) -> SyncMessage:
    command = _required(request.command, "command")
    if not _COMMAND.fullmatch(command):
        raise _invalid("command", "not a letter and up to 31 letters, digits, - and _")
    if request.arguments is not None:
        if _is_nested_deeper(request.arguments, MAX_ARGUMENTS_DEPTH):
            raise _invalid("arguments", f"nested deeper than {MAX_ARGUMENTS_DEPTH}; flatten them")
        size = len(msgspec.json.encode(request.arguments))
        if size > MAX_ARGUMENTS_BYTES:
            raise _invalid(
                "arguments", f"{size} bytes as JSON, the maximum is {MAX_ARGUMENTS_BYTES}"
            )
    return SyncMessage(
        kind=request.kind,
        hlc=request.hlc,
        timestamp=timestamp,
        command_id=validate_uuid(_required(request.command_id, "commandId"), "commandId"),
        target_device_id=validate_uuid(
            _required(request.target_device_id, "targetDeviceId"), "targetDeviceId"
        ),
        command=command,
        arguments=request.arguments,
    )


def _is_nested_deeper(content: object, limit: int) -> bool:
    # Not recursive, so that deep nesting cannot exhaust the stack.
    level = [content]
    for _ in range(limit):
        level = [inner for each in level for inner in _children(each)]
    return any(isinstance(each, dict | list) for each in level)


def _children(content: object) -> Iterable[object]:
    if isinstance(content, dict):
        return content.values()
    return content if isinstance(content, list) else ()


def _required(value: _Value | None, field: str) -> _Value:
    if value is None:
        raise _invalid(field, "missing")
    return value


def _invalid(field: str, reason: str) -> ValidationError:
    return ValidationError(ErrorCode.INVALID_SYNC, field, reason)
