"""Reads fault plans from TOML or JSON files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, get_args

import msgspec

from local.base.errors import LocalError
from local.faults.plan import Fault, FaultPlan, Operation, is_named
from local.template.model import Stack

_KINDS: dict[str, type[Any]] = {each.__struct_config__.tag: each for each in get_args(Fault)}
_FORMATS: dict[str, Callable[[bytes], Any]] = {
    ".toml": msgspec.toml.decode,
    ".json": msgspec.json.decode,
}
_AT = re.compile(r" - at `\$\.(\w+)`$")
_UNKNOWN_FIELD = re.compile(r"unknown field `(.*)`$")


class FaultFileError(LocalError):
    """A fault plan that cannot be used; the message names the field and says what to write."""

    def __init__(self, where: str, fault: str) -> None:
        super().__init__(f"{where}: {fault}")


def load(path: Path) -> FaultPlan:
    """Read a plan. Raises FaultFileError."""
    decode = _FORMATS.get(path.suffix)
    if decode is None:
        raise FaultFileError(str(path), "expected a file called *.toml or *.json")
    try:
        content = decode(path.read_bytes())
    except OSError as error:
        raise FaultFileError(str(path), f"cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FaultFileError(str(path), f"is not {path.suffix[1:].upper()}: {error}") from error
    return parse(content, str(path))


def parse(content: object, where: str) -> FaultPlan:
    """Validate the content of a file called `where`. Raises FaultFileError."""
    if not isinstance(content, dict):
        raise FaultFileError(where, "expected an object with seed and faults")
    if unknown := content.keys() - {"seed", "faults"}:
        raise FaultFileError(where, f"{_listed(unknown)}: remove; expected only seed and faults")
    seed, entries = content.get("seed", 0), content.get("faults", [])
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise FaultFileError(where, "seed: expected a whole number, for example seed = 1")
    if not isinstance(entries, list):
        raise FaultFileError(where, "faults: expected a list, in TOML [[faults]] for each fault")
    faults = tuple(
        _fault(entry, f"{where}: faults[{number}]") for number, entry in enumerate(entries)
    )
    return FaultPlan(seed, faults)


def check(plan: FaultPlan, stack: Stack) -> None:
    """Check that the stack has the routes, tables and functions of a plan.

    Raises FaultFileError: such a fault would never occur.
    """
    names = {
        "route": list(stack.websocket.routes),
        "table": [table.name for table in stack.tables],
        "function": list(stack.functions),
    }
    for number, fault in enumerate(plan.faults):
        for field, known in names.items():
            wanted = getattr(fault, field, None)
            if wanted is not None and not any(is_named(each, wanted) for each in known):
                raise FaultFileError(
                    f"faults[{number}].{field}",
                    f"the stack has no {field} {wanted!r}; use one of {_listed(known)}",
                )


def _fault(entry: object, where: str) -> Fault:
    if not isinstance(entry, dict):
        raise FaultFileError(where, 'expected an object, for example {"kind": "post-throttle"}')
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise FaultFileError(f"{where}.kind", f"expected one of {_listed(_KINDS)}, not {kind!r}")
    try:
        fault: Fault = msgspec.convert(entry, _KINDS[kind])
    except msgspec.ValidationError as error:
        raise _explained(error, where, _KINDS[kind]) from error
    return fault


def _explained(error: msgspec.ValidationError, where: str, kind: type[Any]) -> FaultFileError:
    text = str(error)
    if unknown := _UNKNOWN_FIELD.search(text):
        fields = _listed(("kind", *kind.__struct_fields__))
        return FaultFileError(f"{where}.{unknown[1]}", f"unknown; this kind has {fields}")
    at = _AT.search(text)
    if at is None:  # a missing field, or a rule about several
        return FaultFileError(where, text[0].lower() + text[1:])
    text = text[: at.start()]
    if at[1] == "operation":
        text = f"expected one of {_listed(get_args(Operation))}"
    return FaultFileError(f"{where}.{at[1]}", text[0].lower() + text[1:])


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
