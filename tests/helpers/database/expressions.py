"""The subset of DynamoDB's expressions that the repositories use, over items in wire format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

Wire = dict[str, Any]
_TOKENS = re.compile(r"\s*(<>|<=|>=|[#:]?\w+|[()=<>,.+-])")
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")
_COMPARES: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: bool(one == other),
    "<>": lambda one, other: bool(one != other),
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}


def invalid(operation: str, why: str) -> ClientError:
    """DynamoDB's error for an invalid request."""
    return ClientError(
        {
            "Error": {"Code": "ValidationException", "Message": why},
            "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},  # type: ignore[typeddict-item]
        },
        operation,
    )


class Expression:
    """One expression over one item, evaluated while it is parsed from left to right."""

    def __init__(
        self, text: str, item: Wire | None, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> None:
        self._tokens = _TOKENS.findall(text)
        self._at = 0
        self._item = item or {}
        self._names = names
        self._values = values

    def holds(self) -> bool:
        """Evaluate a condition."""
        value = self._either()
        assert self._at == len(self._tokens), self._tokens[self._at :]
        return value

    def updated(self) -> Wire:
        """Return the updated item. Operands are read from the item before the update."""
        after: Wire = dict(self._item)
        clause = ""
        while self._at < len(self._tokens):
            if self._tokens[self._at] in _CLAUSES:
                clause = self._next()
            path = self._path()
            if clause == "SET":
                self._expect("=")
                after = _put(after, path, self._sum())
            elif clause == "REMOVE":
                after = _put(after, path, None)
            elif clause == "ADD":
                after = _put(after, path, _added(_get(self._item, path), self._operand()))
            else:
                raise invalid("UpdateItem", f"clause {clause}")
            if self._at < len(self._tokens) and self._tokens[self._at] == ",":
                self._at += 1
        return after

    def _either(self) -> bool:
        value = self._both()
        while self._peek() == "OR":
            self._at += 1
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._not()
        while self._peek() == "AND":
            self._at += 1
            value = self._not() and value
        return value

    def _not(self) -> bool:
        if self._peek() == "NOT":
            self._at += 1
            return not self._not()
        if self._peek() == "(":
            self._at += 1
            value = self._either()
            self._expect(")")
            return value
        return self._test()

    def _test(self) -> bool:
        function = self._peek()
        if function in {"attribute_exists", "attribute_not_exists"}:
            self._at += 1
            self._expect("(")
            found = _get(self._item, self._path())
            self._expect(")")
            return (found is not None) == (function == "attribute_exists")
        if function in {"begins_with", "contains"}:
            self._at += 1
            self._expect("(")
            whole = self._operand()
            self._expect(",")
            part = self._operand()
            self._expect(")")
            if whole is None or part is None:
                return False
            (inside,), (wanted,) = whole.values(), part.values()
            return inside.startswith(wanted) if function == "begins_with" else wanted in inside
        one = self._operand()
        if self._peek() == "BETWEEN":
            self._at += 1
            least = self._operand()
            self._expect("AND")
            most = self._operand()
            return _compared(least, "<=", one) and _compared(one, "<=", most)
        return _compared(one, self._next(), self._operand())

    def _sum(self) -> Wire:
        value = self._operand()
        while self._peek() in {"+", "-"}:
            sign = 1 if self._next() == "+" else -1
            other = self._operand()
            if value is None or other is None:
                raise invalid("UpdateItem", "an operand is missing")
            value = {"N": str(Decimal(value["N"]) + sign * Decimal(other["N"]))}
        if value is None:
            raise invalid("UpdateItem", "an attribute in an expression does not exist")
        return value

    def _operand(self) -> Wire | None:
        token = self._peek()
        if token.startswith(":"):
            self._at += 1
            value: Wire = self._values[token]
            return value
        if token == "if_not_exists":
            self._at += 1
            self._expect("(")
            found = _get(self._item, self._path())
            self._expect(",")
            default = self._operand()
            self._expect(")")
            return default if found is None else found
        if token == "size":
            self._at += 1
            self._expect("(")
            found = _get(self._item, self._path())
            self._expect(")")
            return None if found is None else {"N": str(len(next(iter(found.values()))))}
        return _get(self._item, self._path())

    def _path(self) -> list[str]:
        path = [self._name()]
        while self._peek() == ".":
            self._at += 1
            path.append(self._name())
        return path

    def _name(self) -> str:
        token = self._next()
        return self._names[token] if token.startswith("#") else token

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        self._at += 1
        token: str = self._tokens[self._at - 1]
        return token

    def _expect(self, token: str) -> None:
        assert self._next() == token, (token, self._tokens)


def _compared(one: Wire | None, sign: str, other: Wire | None) -> bool:
    compare = _COMPARES[sign]
    if one is None or other is None:
        return False
    (kind, left), (other_kind, right) = (*one.items(), *other.items())
    if kind != other_kind:
        return compare is _COMPARES["<>"]
    if kind == "N":
        left, right = Decimal(left), Decimal(right)
    return compare(left, right)


def _get(item: Wire, path: list[str]) -> Wire | None:
    found: Wire | None = {"M": item}
    for name in path:
        found = found.get("M", {}).get(name) if found else None
    return found


def _put(item: Wire, path: list[str], value: Wire | None) -> Wire:
    """A copy with a value at a path, or without the path if the value is None."""
    name, *rest = path
    after = dict(item)
    if rest:
        inner = item.get(name)
        if inner is None or "M" not in inner:
            raise invalid("UpdateItem", "the document path is invalid for update")
        after[name] = {"M": _put(inner["M"], rest, value)}
    elif value is None:
        after.pop(name, None)
    else:
        after[name] = value
    return after


def _added(before: Wire | None, more: Wire | None) -> Wire:
    assert more is not None
    ((kind, value),) = more.items()
    if kind == "N":
        return {"N": str(Decimal(before["N"] if before else 0) + Decimal(value))}
    return {kind: list(dict.fromkeys([*(before[kind] if before else ()), *value]))}
