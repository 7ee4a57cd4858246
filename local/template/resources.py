"""Access to a template's resources by type, with resolved properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.base.errors import TemplateError
from local.template.intrinsics import NO_VALUE, Resolver


class Resource:
    """A resource whose properties are resolved on access."""

    def __init__(self, logical_id: str, content: Mapping[str, Any], resolver: Resolver) -> None:
        self.id = logical_id
        self.type: str = content["Type"]
        self._properties: Mapping[str, Any] = content.get("Properties", {})
        self._resolver = resolver

    def get(self, name: str, default: Any = None) -> Any:
        """The property as a JSON value, or the default."""
        resolved = self._resolver.resolve(self._properties.get(name, default))
        return default if resolved is NO_VALUE else resolved

    def text(self, name: str, default: str | None = None) -> str:
        """The property as text. Raises TemplateError if it is missing without a default."""
        if name not in self._properties:
            if default is None:
                raise self.error(f"{name} is missing")
            return default
        return self._resolver.text(self._properties[name], f"{self.id}.{name}")

    def integer(
        self, name: str, minimum: int, maximum: int, default: int, *, key: str | None = None
    ) -> int:
        """The property, or the value of `key` in it, as an integer within the range."""
        where = f"{name}.{key}" if key else name
        value = self.get(name, {} if key else default)
        if key:
            if not isinstance(value, dict):
                raise self.error(f"{name}: expected an object")
            value = value.get(key, default)
        try:
            number = int(str(value))
        except ValueError:
            raise self.error(f"{where}: expected a whole number") from None
        if not minimum <= number <= maximum:
            raise self.error(f"{where} is {number}; expected {minimum} to {maximum}")
        return number

    def expect(self, name: str, *expected: str, default: str | None = None) -> None:
        """Raise TemplateError unless the property has one of the expected values."""
        value = self.text(name, default)
        if value not in expected:
            raise self.error(f"{name} is {value!r}; supported: {' or '.join(expected)}")

    def error(self, message: str) -> TemplateError:
        return TemplateError(f"{self.id} ({self.type}): {message}")


class Resources:
    """All resources of a template."""

    def __init__(self, resources: Sequence[Resource], resolver: Resolver) -> None:
        self._resources = resources
        self._resolver = resolver

    def all(self, *kinds: str) -> Iterator[Resource]:
        """Resources of the given types, without the prefix `AWS::`."""
        names = {f"AWS::{kind}" for kind in kinds}
        return (resource for resource in self._resources if resource.type in names)

    def only(self, kind: str) -> Resource:
        """The only resource of a type. Raises TemplateError if there are none or several."""
        found = list(self.all(kind))
        if len(found) != 1:
            raise TemplateError(f"expected one AWS::{kind} in the template, found {len(found)}")
        return found[0]

    def ref(self, resource: Resource) -> str:
        """Value of `Ref` of the resource."""
        return self._resolver.text({"Ref": resource.id}, resource.id)

    def attribute(self, resource: Resource, name: str) -> str:
        """Value of `Fn::GetAtt` of the resource."""
        return self._resolver.text({"Fn::GetAtt": [resource.id, name]}, resource.id)

    def text(self, value: object, where: str) -> str:
        """Resolve any value of the template to text. Raises TemplateError naming `where`."""
        return self._resolver.text(value, where)
