"""Decodes the text of a request, or explains what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Generic, TypeVar, Union

import msgspec

from shared.entrypoints.allowed_values import allowed_values
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.protocol.authentication_messages import Authenticate
from shared.protocol.message_base import MAX_REQUEST_ID_LENGTH, Request, action_of
from shared.utils.json_outline import Outline, is_valid_unicode, outline
from shared.utils.validators import (
    MAX_CONTROL_MESSAGE_BYTES,
    MAX_TOKEN_MESSAGE_BYTES,
    validate_action,
    validate_control_message_size,
    validate_token_message_size,
)

RequestType = TypeVar("RequestType", bound=Request)

# msgspec's error texts.
_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")
_BAD_VALUE = re.compile(r"Invalid (?:enum )?value ('.*') - at `\$\.(.*)`", re.DOTALL)
_OTHER = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?")
_HALVED = "half of a surrogate pair; send whole characters"
# An error repeats wrong values of at most this length, quotes included.
_MAX_SHOWN = 40
# How much of an oversized text is searched for `action` and `requestId` (characters).
_HEAD_LENGTH = 1_024
_BYTE_ORDER_MARK = "\ufeff"


class Head(msgspec.Struct, frozen=True):
    """The parts of a request that its error repeats, as far as they could be read."""

    action: str | None = None
    request_id: str | None = None


class MalformedRequestError(LingocastError):
    """The text is no request of the expected types."""

    def __init__(self, error: LingocastError, head: Head) -> None:
        super().__init__(error.code, error.message)
        self.head = head


class RequestDecoder(Generic[RequestType]):
    """Decodes requests of the given types in one pass, and explains failures."""

    def __init__(self, types: Iterable[type[RequestType]]) -> None:
        self._types = {action_of(each): each for each in types}
        union: Any = Union[tuple(self._types.values())]  # noqa: UP007 - built from values
        self._decoder: msgspec.json.Decoder[RequestType] = msgspec.json.Decoder(union)

    def decode(self, text: str) -> RequestType:
        """The request.

        Raises MalformedRequestError with INVALID_MESSAGE or UNKNOWN_ACTION.
        """
        try:
            return self._decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            read = outline(text.removeprefix(_BYTE_ORDER_MARK))
            raise MalformedRequestError(self._fault(text, read, error), _head(read)) from error

    def _fault(self, text: str, read: Outline, error: Exception) -> LingocastError:
        if reason := text_fault(text, read, "message") or _shape_fault(read, error):
            return _invalid(reason)
        action = read.members["action"]
        try:
            validate_action(action)
        except ValidationError as unknown:
            return unknown
        types = [kind for name, kind in self._types.items() if name == action]
        return _invalid(member_fault(read, error, "message", types))


def _invalid(message: str) -> LingocastError:
    return LingocastError(ErrorCode.INVALID_MESSAGE, message)


def check_control_size(text: str) -> None:
    """Refuse a control request over 4 KB, or an authenticate request over 12 KB.

    Raises MESSAGE_TOO_LARGE.
    """
    is_large = MAX_CONTROL_MESSAGE_BYTES < len(text) <= MAX_TOKEN_MESSAGE_BYTES
    if is_large and outline(text).members.get("action") == action_of(Authenticate):
        validate_token_message_size(text)
    else:
        validate_control_message_size(text)


def head_of(text: str) -> Head:
    """The head of a request that is too large to be decoded."""
    return _head(outline(text[:_HEAD_LENGTH]))


def _head(read: Outline) -> Head:
    return Head(_short(read.members.get("action")), _short(read.members.get("requestId")))


def _short(value: str | None) -> str | None:
    return value if value is not None and len(value) <= MAX_REQUEST_ID_LENGTH else None


def _shape_fault(read: Outline, error: Exception) -> str | None:
    if not read.is_object:
        is_json = not isinstance(error, UnicodeError)
        return "message: not a JSON object" if is_json else "message: not JSON"
    if "action" not in read.members:
        return "action: missing; name the request"
    return f"action: {_HALVED}" if read.surrogate_member == "action" else None


def text_fault(text: str, read: Outline, whole: str) -> str | None:
    """Why a text is not JSON, or None if it is.

    `read` is the text's outline, `whole` the name for it in the message.
    """
    if text.startswith(_BYTE_ORDER_MARK):
        return f"{whole}: begins with a byte order mark; send the JSON without it"
    return None if read.is_json else f"{whole}: not JSON"


def member_fault(
    read: Outline, error: Exception, whole: str, types: Iterable[type[msgspec.Struct]]
) -> str:
    """Which member of a JSON text the decoder of `types` rejected, and why."""
    if isinstance(error, msgspec.ValidationError):
        return readable_fault(error, types, whole)
    if read.surrogate_member is not None:
        member = read.surrogate_member
        return f"{member if is_valid_unicode(member) else whole}: {_HALVED}"
    if isinstance(error, RecursionError):
        return f"{read.deepest or whole}: nested too deeply"
    return f"{whole}: cannot be read"


def readable_fault(
    error: Exception, types: Iterable[type[msgspec.Struct]], whole: str = "message"
) -> str:
    """msgspec's error, with the field's wire name in front.

    `whole` stands in front if the error names no field.
    """
    fault = str(error)
    if missing := _MISSING.fullmatch(fault):
        field, parent = missing.groups()
        return f"{parent}.{field}: missing" if parent else f"{field}: missing"
    if (bad := _BAD_VALUE.fullmatch(fault)) and (allowed := allowed_values(types, bad[2])):
        value = bad[1] if len(bad[1]) <= _MAX_SHOWN else "this"
        return f"{bad[2]}: {value} is not one of {', '.join(allowed)}"
    reason, path = _OTHER.fullmatch(fault).groups()  # type: ignore[union-attr]
    reason = reason.replace("`", "").replace("Expected", "expected", 1)
    return f"{path or whole}: {reason}"
