"""CloudFormation's intrinsic functions that the CDK writes for this stack.

Supports Ref, Fn::GetAtt, Fn::Join, Fn::Sub, Fn::Select, Fn::Split and pseudo parameters. Any other
function raises TemplateError: an error is better than a wrong value. See
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from local.base.errors import TemplateError

# `${Name}` or `${Name.Attribute}`; `${!Name}` is a literal `${Name}`.
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
_NO_VALUE = "AWS::NoValue"


class _NoValue:
    """Value of Ref AWS::NoValue, which removes the property."""


NO_VALUE = _NoValue()

Lookup = Callable[[str], object]
AttributeLookup = Callable[[str, str], object]


class Resolver:
    """Resolves values of a template to plain JSON values.

    `ref` resolves Ref, `attribute` resolves Fn::GetAtt; both raise TemplateError for unknown names.
    """

    def __init__(self, ref: Lookup, attribute: AttributeLookup) -> None:
        self._ref = ref
        self._attribute = attribute
        self._functions: Mapping[str, Callable[[object], object]] = {
            "Ref": self._resolve_ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Join": self._join,
            "Fn::Sub": self._sub,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
        }

    def resolve(self, value: object) -> object:
        """Replace all intrinsic functions in `value`."""
        if isinstance(value, Mapping):
            function = self._function_of(value)
            if function is not None:
                return function(next(iter(value.values())))
            resolved = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not NO_VALUE}
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        return value

    def text(self, value: object, what: str) -> str:
        """Resolve `value` to text; numbers and booleans are formatted as by AWS."""
        resolved = self.resolve(value)
        if isinstance(resolved, bool):
            return "true" if resolved else "false"
        if isinstance(resolved, (str, int, float)):
            return str(resolved)
        raise TemplateError(f"{what}: expected text, got {type(resolved).__name__}")

    def _function_of(self, value: Mapping[str, object]) -> Callable[[object], object] | None:
        for key in value:
            if key == "Ref" or key.startswith("Fn::") or key == "Condition":
                if len(value) == 1 and key in self._functions:
                    return self._functions[key]
                # `Condition` is also an ordinary key, for example in a policy statement.
                if key == "Condition" and (len(value) > 1 or not isinstance(value[key], str)):
                    continue
                raise TemplateError(f"intrinsic function {key} is not supported")
        return None

    def _resolve_ref(self, name: object) -> object:
        if not isinstance(name, str):
            raise TemplateError("Ref: expected a name")
        return NO_VALUE if name == _NO_VALUE else self._ref(name)

    def _get_att(self, argument: object) -> object:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        match parts:
            case [str(logical_id), str(attribute)]:
                return self._attribute(logical_id, attribute)
        raise TemplateError("Fn::GetAtt: expected a resource and an attribute")

    def _join(self, argument: object) -> str:
        match argument:
            case [str(delimiter), parts]:
                items = self._list(parts, "Fn::Join")
                return delimiter.join(self.text(item, "Fn::Join") for item in items)
        raise TemplateError("Fn::Join: expected a delimiter and a list")

    def _split(self, argument: object) -> list[str]:
        match argument:
            case [str(delimiter), source] if delimiter:
                return self.text(source, "Fn::Split").split(delimiter)
        raise TemplateError("Fn::Split: expected a delimiter and a text")

    def _select(self, argument: object) -> object:
        match argument:
            case [str() | int() as index, items]:
                chosen = self._list(items, "Fn::Select")
                if str(index).isdecimal() and int(index) < len(chosen):
                    return chosen[int(index)]
                raise TemplateError(f"Fn::Select: no item {index} in a list of {len(chosen)}")
        raise TemplateError("Fn::Select: expected an index and a list")

    def _sub(self, argument: object) -> str:
        match argument:
            case str(pattern):
                variables: Mapping[str, object] = {}
            case [str(pattern), dict(variables)]:
                pass
            case _:
                raise TemplateError("Fn::Sub: expected a text, or a text and variables")

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return self.text(variables[name], "Fn::Sub")
            reference = {"Fn::GetAtt": name} if "." in name else {"Ref": name}
            return self.text(reference, f"Fn::Sub of {name}")

        return _PLACEHOLDER.sub(replace, pattern)

    def _list(self, value: object, what: str) -> Sequence[object]:
        resolved = self.resolve(value)
        if not isinstance(resolved, list):
            raise TemplateError(f"{what}: expected a list")
        return resolved
