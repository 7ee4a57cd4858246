"""From the text of a request to a typed request, or to the error that says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union, get_args

import msgspec

from shared.models.errors import ErrorCode, LingocastError, ValidationError
from shared.models.terms import Role
from shared.protocol.announcement_messages import MessageType, Scope
from shared.protocol.device_messages import Operation, SyncKind
from shared.protocol.message_base import MAX_REQUEST_ID_LENGTH, Request
from shared.protocol.messages import SessionAccess
from shared.protocol.webhook_messages import BUS_TYPES
from shared.utils.json_outline import Outline, is_whole, outline
from shared.utils.validators import validate_action

RequestType = TypeVar("RequestType", bound=Request)

_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")
_BAD_WORD = re.compile(r"Invalid (?:enum )?value ('.*') - at `\$\.(.*)`", re.DOTALL)
# The words of each field, of WebSocket requests and of HTTP bodies.
_WORDS: Mapping[str, Sequence[str]] = {
    "role": get_args(Role),
    "access": get_args(SessionAccess),
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
# Characters; action and id are among the first members, or are not given back.
_BEGINNING = 1_024
_BYTE_ORDER_MARK = "\ufeff"


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
    """Decodes requests of the given types in one pass; explains failures by the text's outline."""

    def __init__(self, types: Iterable[type[RequestType]]) -> None:
        union: Any = Union[tuple(types)]  # noqa: UP007 - built from values
        self._decoder: msgspec.json.Decoder[RequestType] = msgspec.json.Decoder(union)

    def decode(self, text: str) -> RequestType:
        """The request. Raises MalformedRequestError with INVALID_MESSAGE or UNKNOWN_ACTION."""
        try:
            return self._decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _explained(text, error) from error


def _invalid(message: str) -> LingocastError:
    return LingocastError(ErrorCode.INVALID_MESSAGE, message)


def head_of(text: str) -> Head:
    """What can be told of a request too large to be decoded, from its beginning alone."""
    return _head(outline(text[:_BEGINNING]))


def _head(read: Outline) -> Head:
    return Head(_short(read.members.get("action")), _short(read.members.get("requestId")))


def _explained(text: str, error: Exception) -> MalformedRequestError:
    read = outline(text.removeprefix(_BYTE_ORDER_MARK))
    return MalformedRequestError(_fault(text, read, error), _head(read))


def _fault(text: str, read: Outline, error: Exception) -> LingocastError:
    if reason := text_fault(text, read, "message") or _shape_fault(read, error):
        return _invalid(reason)
    try:
        validate_action(read.members["action"])
    except ValidationError as unknown:
        return unknown
    return _invalid(member_fault(read, error, "message"))


def _shape_fault(read: Outline, error: Exception) -> str | None:
    if not read.is_object:
        is_json = not isinstance(error, UnicodeError)
        return "message: not a JSON object" if is_json else "message: not JSON"
    if "action" not in read.members:
        return "action: missing; name what you ask for"
    return f"action: {_HALVED}" if read.halved == "action" else None


def text_fault(text: str, read: Outline, whole: str) -> str | None:
    """Why the text, of which `read` is the outline, is no JSON; None if it is."""
    if text.startswith(_BYTE_ORDER_MARK):
        return f"{whole}: begins with a byte order mark; send the JSON without it"
    return None if read.is_json else f"{whole}: not JSON"


def member_fault(read: Outline, error: Exception, whole: str) -> str:
    """Which member a decoder minded in a text that is JSON, and why."""
    if isinstance(error, msgspec.ValidationError):
        return readable_fault(error, whole)
    if read.halved is not None:
        return f"{read.halved if is_whole(read.halved) else whole}: {_HALVED}"
    if isinstance(error, RecursionError):
        return f"{read.deepest or whole}: nested too deeply"
    return f"{whole}: cannot be read"


def _short(value: str | None) -> str | None:
    """What an error repeats of the request: strings that are no longer than an id may be."""
    return value if value is not None and len(value) <= MAX_REQUEST_ID_LENGTH else None


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
