"""From the text of a request to a typed request, or to the error that says what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union, get_args

import msgspec

from shared.models.announcement_messages import MessageType, Scope
from shared.models.bus_messages import BUS_TYPES
from shared.models.device_messages import Operation, SyncKind
from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.message_base import MAX_REQUEST_ID_LENGTH, Request
from shared.models.messages import Role
from shared.utils.validators import validate_action

RequestType = TypeVar("RequestType", bound=Request)

_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")
_BAD_WORD = re.compile(r"Invalid (?:enum )?value ('.*') - at `\$\.(.*)`", re.DOTALL)
# The words of each field, of WebSocket requests and of HTTP bodies.
_WORDS: Mapping[str, Sequence[str]] = {
    "role": get_args(Role),
    "scope": get_args(Scope),
    "messageType": get_args(MessageType),
    "type": get_args(MessageType),
    "kind": get_args(SyncKind),
    "operation": get_args(Operation),
    "message.operation": get_args(Operation),
    "message.type": BUS_TYPES,
}
_HALVED = "half of a surrogate pair; send whole characters"
# What an error repeats of a word that is none of them.
_SHOWN = 40
_ELSEWHERE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?")
# A number that no float can hold, as 1e400, is JSON all the same.
_lenient = msgspec.json.Decoder(float_hook=float)


@dataclass(frozen=True, slots=True)
class Head:
    """What can be told of a request that does not decode: for the error that answers it."""

    action: str | None = None
    request_id: str | None = None


class MalformedRequestError(LingocastError):
    """A text that is no request of the expected kind; `head` is what could be read of it."""

    def __init__(self, error: LingocastError, head: Head) -> None:
        super().__init__(error.code, error.message)
        self.head = head


class RequestDecoder(Generic[RequestType]):
    """Decodes requests of the given types in one pass; explains failures in a second."""

    def __init__(self, types: Iterable[type[RequestType]]) -> None:
        union: Any = Union[tuple(types)]  # noqa: UP007 - built from values
        self._decoder: msgspec.json.Decoder[RequestType] = msgspec.json.Decoder(union)

    def decode(self, text: str) -> RequestType:
        """The request. Raises MalformedRequestError with INVALID_MESSAGE or UNKNOWN_ACTION."""
        try:
            return self._decoder.decode(text)
        except (msgspec.ValidationError, UnicodeError) as error:
            raise _explained(text, error) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise _unreadable(text) from error


def _invalid(message: str) -> LingocastError:
    return LingocastError(ErrorCode.INVALID_MESSAGE, message)


def _explained(text: str, error: Exception) -> MalformedRequestError:
    try:
        content = _lenient.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return MalformedRequestError(_invalid("message: not JSON"), Head())
    if not isinstance(content, dict):
        return MalformedRequestError(_invalid("message: not a JSON object"), Head())
    action = content.get("action")
    request_id = content.get("requestId")
    head = Head(_short(action), _short(request_id))
    if "action" not in content:
        return MalformedRequestError(_invalid("action: missing; name what you ask for"), head)
    try:
        validate_action(action)
    except ValidationError as unknown:
        return MalformedRequestError(unknown, head)
    return MalformedRequestError(_invalid(readable_fault(error)), head)


def _unreadable(text: str) -> MalformedRequestError:
    content = _spelled(text)
    field = _halved_field(content)
    if field is None:
        return MalformedRequestError(_invalid("message: not JSON"), Head())
    head = Head(_short(content.get("action")), _short(content.get("requestId")))
    return MalformedRequestError(_invalid(f"{field}: {_HALVED}"), head)


def _halved_field(content: Mapping[str, Any]) -> str | None:
    """The first field with half of a surrogate pair in it: JSON can spell it, UTF-8 cannot."""
    for field, value in content.items():
        try:
            if not _is_whole(json.dumps(value, ensure_ascii=False)):
                return field if _is_whole(field) else None
        except RecursionError:
            return None
    return None


def _spelled(text: str) -> dict[str, Any]:
    """An object as the standard library reads it, which takes halves; empty if it is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _short(value: object) -> str | None:
    """What an error repeats of the request: strings that are no longer than an id may be."""
    if not isinstance(value, str) or len(value) > MAX_REQUEST_ID_LENGTH or not _is_whole(value):
        return None
    return value


def readable_fault(error: Exception, whole: str = "message") -> str:
    """msgspec's words with the field in front, as the client wrote it; `whole` names all of it."""
    fault = str(error)
    if missing := _MISSING.fullmatch(fault):
        field, parent = missing.groups()
        return f"{parent}.{field}: missing" if parent else f"{field}: missing"
    # msgspec says what a word is not, but not which ones there are.
    if (bad := _BAD_WORD.fullmatch(fault)) and (words := _WORDS.get(bad[2])):
        word = bad[1] if len(bad[1]) <= _SHOWN else "this"
        return f"{bad[2]}: {word} is not one of {', '.join(words)}"
    reason, path = _ELSEWHERE.fullmatch(fault).groups()  # type: ignore[union-attr]
    reason = reason.replace("`", "").replace("Expected", "expected", 1)
    return f"{path or whole}: {reason}"
